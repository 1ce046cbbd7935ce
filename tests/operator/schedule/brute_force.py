#!/usr/bin/env python3
"""Holds next_slot against a walk over minutes that shares nothing with it: its own reading of lines, and Python's zoneinfo.

brute_force.py NEXT_SLOTS [CASES=400 [SEED]]: random lines, zones and starts over 30 years. The first line that differs is printed with
the seed, and ends the run with 1. NEXT_SLOTS is the program of next_slots.cpp.
"""
import datetime
import random
import subprocess
import sys
import zoneinfo

# Half hours, offsets of 45 minutes, changes at midnight, days that were left out, a change of half an hour, none at all.
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham", "America/Sao_Paulo",
         "Asia/Beirut", "Pacific/Apia", "Africa/Casablanca", "America/Havana", "Asia/Tehran", "America/St_Johns", "Europe/Dublin",
         "Antarctica/Troll", "UTC"]
MINUTE = datetime.timedelta(minutes=1)
UTC = datetime.timezone.utc
# How far the walk goes. What comes later has to come later in both.
MINUTES = 60 * 24 * 60
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
DAYS = "SUN MON TUE WED THU FRI SAT".split()


def one_field(rng, least, most, words, odds):
    """A field, and the set of its values."""
    def word(value):
        return words[value - least] if words and value - least < len(words) and rng.random() < 0.5 else str(value)
    if rng.random() < odds:
        return "*", set(range(least, most + 1))
    parts, values = [], set()
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        kind = rng.choice(["one", "one", "range", "step", "all", "from"])
        first = rng.randint(least, most)
        last = rng.randint(first, most)
        step = rng.randint(1, most - least)
        if kind == "one":
            parts.append(word(first))
            values.add(first)
        elif kind == "range":
            parts.append(f"{word(first)}-{word(last)}")
            values.update(range(first, last + 1))
        elif kind == "step":
            parts.append(f"{first}-{last}/{step}")
            values.update(range(first, last + 1, step))
        elif kind == "all":
            parts.append(f"*/{step}")
            values.update(range(least, most + 1, step))
        else:
            parts.append(f"{first}/{step}")
            values.update(range(first, most + 1, step))
    return ",".join(parts), values


class Line:
    def __init__(self, rng):
        fields = [one_field(rng, 0, 59, None, 0.2), one_field(rng, 0, 23, None, 0.3), one_field(rng, 1, 31, None, 0.6),
                  one_field(rng, 1, 12, MONTHS, 0.7), one_field(rng, 0, 7, DAYS, 0.6)]
        self.text = " ".join(text for text, _ in fields)
        self.minutes, self.hours, self.days, self.months, weekdays = (values for _, values in fields)
        self.weekdays = {day % 7 for day in weekdays}
        self.fixed = not set("*/") & set(fields[1][0])
        self.either = not fields[2][0].startswith("*") and not fields[4][0].startswith("*")

    def shows(self, local):
        if local.minute not in self.minutes or local.hour not in self.hours or local.month not in self.months:
            return False
        of_month, of_week = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return of_month or of_week if self.either else of_month and of_week


def walk(line, zone, start):
    """The first minute after `start` at which the line is due, within MINUTES; else None."""
    at = start.replace(second=0, microsecond=0)
    # The furthest that clocks have shown: two days before are enough to know what they show for the second time.
    furthest = max((at - n * MINUTE).astimezone(zone).replace(tzinfo=None) for n in range(2 * 24 * 60)) if line.fixed else None
    for _ in range(MINUTES):
        at += MINUTE
        local = at.astimezone(zone).replace(tzinfo=None)
        if not line.fixed:
            if line.shows(local):
                return at
            continue
        while furthest < local:
            furthest += MINUTE
            if line.shows(furthest):
                return at
    return None


def main():
    program, cases = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 400
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 31)
    print(f"seed {seed}, {cases} lines in {len(ZONES)} zones", flush=True)
    rng = random.Random(seed)
    early = int(datetime.datetime(2008, 1, 1, tzinfo=UTC).timestamp())
    asked = []
    for number in range(cases):
        line, zone = Line(rng), zoneinfo.ZoneInfo(ZONES[number % len(ZONES)])
        start = datetime.datetime.fromtimestamp(early + rng.randrange(30 * 365 * 86400), UTC)
        if rng.random() < 0.5:  # near a change of the clocks, of which there are few
            offset = start.astimezone(zone).utcoffset()
            for hours in range(0, 366 * 24):
                later = start + datetime.timedelta(hours=hours)
                if later.astimezone(zone).utcoffset() != offset:
                    start = later - datetime.timedelta(minutes=rng.randrange(4 * 60))
                    break
        asked.append((line, zone, start))
    text = "".join(f"{zone.key}\t{int(start.timestamp())}\t{line.text}\n" for line, zone, start in asked)
    answers = subprocess.run([program], input=text, text=True, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    assert len(answers) == cases, f"{len(answers)} answers"
    never = far = 0
    for (line, zone, start), answer in zip(asked, answers):
        expected = walk(line, zone, start)
        what = f"{line.text!r} in {zone.key} after {start.isoformat()}"
        if answer.startswith("refused"):
            never += 1
            assert expected is None, f"{what}: {answer}; expected {expected}"
            continue
        found = None if answer == "none" else datetime.datetime.fromtimestamp(int(answer), UTC)
        if expected is None:
            far += 1
            assert found is None or found > start + (MINUTES - 1) * MINUTE, f"{what}: {found}; expected none for {MINUTES} minutes"
        else:
            assert found == expected, f"{what}: {found}; expected {expected}"
    print(f"no difference; {never} lines whose date never comes, {far} that come later than the walk goes")


main()
