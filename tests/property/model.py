"""What the writer of the property test does, and what a database holds after each of its transactions.

Operation i of a history is a pure function of a seed, so that the database after any number of them can be computed without asking
a server. Each operation is one transaction, which also creates the node (:Marker {n: i}); where a server refuses a second such
node, the transaction was committed the first time.
"""
import random

# How often each kind of operation comes.
KINDS = [("create", 30), ("delete", 12), ("change", 20), ("text", 15), ("link", 15), ("label", 8)]
# The first operation that is one huge transaction, and how many are between two of these.
HUGE_FIRST, HUGE_EVERY = 60, 150
# Texts of a property, in bytes: inline, in dynamic records, and in many of them.
TEXT_BYTES = [0, 7, 120, 4_000, 60_000, 700_000]


class State:
    """The items of a database: their values, texts, labels and links."""

    def __init__(self):
        self.values = {}
        self.texts = {}
        self.seen = set()
        self.links = {}
        self.huge = 0
        self.markers = 0

    def facts(self):
        """What a server must answer to QUERIES."""
        return {
            "markers": [self.markers, self.markers],
            "items": [len(self.values), sum(self.values.values())],
            "texts": [len(self.texts), sum(self.texts.values())],
            "seen": [len(self.seen), sum(self.seen)],
            "links": [len(self.links), sum(self.links)],
            "huge": [self.huge, self.huge * (self.huge + 1) // 2],
        }


QUERIES = {
    "markers": "MATCH (m:Marker) RETURN count(m), coalesce(max(m.n), 0)",
    "items": "MATCH (i:Item) RETURN count(i), coalesce(sum(i.v), 0)",
    "texts": "MATCH (i:Item) WHERE exists(i.text) RETURN count(i), coalesce(sum(size(i.text)), 0)",
    "seen": "MATCH (i:Seen) RETURN count(i), coalesce(sum(i.id), 0)",
    "links": "MATCH ()-[l:LINK]->() RETURN count(l), coalesce(sum(l.n), 0)",
    "huge": "MATCH (h:Huge) RETURN count(h), coalesce(sum(h.n), 0)",
}


class Operation:
    """One transaction of a history, and what it does to a State."""

    def __init__(self, seed, number, huge_nodes):
        self.number = number
        self.chance = random.Random(f"{seed}/{number}")
        self.kind = self.chance.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
        if number % HUGE_EVERY == HUGE_FIRST:
            self.kind = "huge"
        self.huge_nodes = huge_nodes

    def apply(self, state):
        """Changes the state, and returns the Cypher statement that changes a database alike, with its parameters."""
        state.markers = self.number
        statement, parameters = getattr(self, "_" + self.kind)(state)
        return "CREATE (:Marker {n: $number}) " + statement, {"number": self.number, **parameters}

    def _some(self, state, most=1):
        known = sorted(state.values)
        return self.chance.sample(known, min(most, len(known)))

    def _create(self, state):
        count = self.chance.choice([1, 1, 3, 40, 400])
        first = self.number * 1000
        for item in range(first, first + count):
            state.values[item] = item % 97
        return "WITH 1 AS one UNWIND range($first, $last) AS id CREATE (:Item {id: id, v: id % 97})", {
            "first": first,
            "last": first + count - 1,
        }

    def _delete(self, state):
        gone = self._some(state, self.chance.choice([1, 5, 60]))
        for item in gone:
            del state.values[item]
            state.texts.pop(item, None)
            state.seen.discard(item)
        for link, ends in list(state.links.items()):
            if ends & set(gone):
                del state.links[link]
        return "WITH 1 AS one MATCH (i:Item) WHERE i.id IN $ids DETACH DELETE i", {"ids": gone}

    def _change(self, state):
        ids, value = self._some(state, 20), self.chance.randrange(1000)
        state.values.update(dict.fromkeys(ids, value))
        return "WITH 1 AS one MATCH (i:Item) WHERE i.id IN $ids SET i.v = $value", {"ids": ids, "value": value}

    def _text(self, state):
        ids, size = self._some(state), self.chance.choice(TEXT_BYTES)
        for item in ids:
            state.texts[item] = size
        letters = f"{self.number} ".ljust(8)
        return "WITH 1 AS one MATCH (i:Item) WHERE i.id IN $ids SET i.text = $text", {
            "ids": ids,
            "text": (letters * (size // 8 + 1))[:size],
        }

    def _link(self, state):
        ends = self._some(state, 2)
        if len(ends) == 2:
            state.links[self.number] = set(ends)
        return "WITH 1 AS one MATCH (a:Item {id: $a}), (b:Item {id: $b}) CREATE (a)-[:LINK {n: $number}]->(b)", {
            "a": ends[0] if ends else -1,
            "b": ends[1] if len(ends) == 2 else -1,
        }

    def _label(self, state):
        ids = self._some(state, 10)
        on = self.chance.random() < 0.6
        (state.seen.update if on else state.seen.difference_update)(ids)
        return f"WITH 1 AS one MATCH (i:Item) WHERE i.id IN $ids {'SET' if on else 'REMOVE'} i:Seen", {"ids": ids}

    def _huge(self, state):
        """One transaction of some KiB a node: created where there is none, and deleted where there is."""
        if state.huge:
            state.huge = 0
            return "WITH 1 AS one MATCH (h:Huge) DELETE h", {}
        state.huge = self.huge_nodes
        return "WITH 1 AS one UNWIND range(1, $count) AS n CREATE (:Huge {n: n, text: $text})", {
            "count": self.huge_nodes,
            "text": "h" * 4096,
        }


class History:
    """The transactions of a database so far, in the order of their commits, and which of the cluster's own each of them is."""

    def __init__(self, seed, huge_nodes):
        self.seed = seed
        self.huge_nodes = huge_nodes
        self.transactions = []  # of operation i at i - 1: its id in the database
        self.schemas = [(0, frozenset())]  # each schema, and the transaction from which on it holds
        self.seeds = []  # of operation i at i - 1: the seed that made it
        self.doubtful = set()  # ids between the two transactions of a constraint
        self.last_kind = None
        self.state = State()

    def next(self):
        """The statement and parameters of the next operation."""
        self.seeds.append(self.seed)
        operation = Operation(self.seed, len(self.seeds), self.huge_nodes)
        self.last_kind = operation.kind
        return operation.apply(self.state)

    def committed(self, transaction):
        self.transactions.append(transaction)

    def last(self):
        """The last transaction that is known of."""
        return max([*self.transactions[-1:], self.schemas[-1][0]])

    def schema_changed(self, transaction, schema):
        self.schemas.append((transaction, schema))

    def schema_at(self, transaction):
        return [schema for since, schema in self.schemas if since <= transaction][-1]

    def markers_at(self, transaction):
        """How many operations a database holds that ends with that transaction."""
        return sum(1 for each in self.transactions if each <= transaction)

    def state_at(self, transaction):
        state = State()
        for number in range(1, self.markers_at(transaction) + 1):
            Operation(self.seeds[number - 1], number, self.huge_nodes).apply(state)
        return state

    def set_back(self, transaction, seed):
        """The history of a database that was set back to that transaction, and goes on with another seed."""
        count = self.markers_at(transaction)
        other = History(seed, self.huge_nodes)
        other.transactions = self.transactions[:count]
        other.seeds = self.seeds[:count]
        other.schemas = [each for each in self.schemas if each[0] <= transaction]
        other.doubtful = {each for each in self.doubtful if each <= transaction}
        other.state = self.state_at(transaction)
        return other
