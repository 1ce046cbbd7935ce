#!/usr/bin/env python3
"""The checker finds each kind of violation in a log that holds it, and nothing in one that holds none."""
import copy
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import audit  # noqa: E402

NS = "chaos"


class Log:
    """Writes the lines of an audit log as an API server would."""

    def __init__(self):
        self.events, self.at = [], 100

    def event(self, verb, resource, obj, user="admin", code=200, subresource=""):
        self.at += 1
        obj = copy.deepcopy(obj)
        obj["metadata"]["resourceVersion"] = str(self.at)
        self.events.append({
            "stage": "ResponseComplete", "verb": verb, "user": {"username": user}, "requestURI": "/",
            "objectRef": {"resource": resource, "namespace": NS, "name": obj["metadata"]["name"], "subresource": subresource},
            "responseStatus": {"code": code}, "responseObject": obj,
            "stageTimestamp": f"2026-01-01T00:{self.at // 60:02d}:{self.at % 60:02d}.000000Z"})
        return obj


def backup(name, attempts=(), status="Unknown", reason="Running"):
    conditions = [{"type": "Succeeded", "status": status, "reason": reason, "message": "text"},
                  {"type": "Finished", "status": "False" if status == "Unknown" else "True"}]
    return {"kind": "Neo4jBackup", "metadata": {"name": name, "uid": "uid-" + name},
            "status": {"conditions": conditions, "attempts": list(attempts)}}


def attempt(number, job, reason="", look_up=False):
    return {"number": number, "jobUID": job, "reason": reason, "lookUp": look_up}


def job(name, owner):
    return {"kind": "Job", "metadata": {
        "name": name, "uid": "job-" + name, "labels": {"neo4jbackup.dev/owner-uid": "uid-" + owner},
        "ownerReferences": [{"uid": "uid-" + owner, "controller": True}]}}


def pod(name, owner, number, of_job, phase="Pending", node="node1"):
    return {"kind": "Pod", "spec": {"nodeName": node}, "status": {"phase": phase}, "metadata": {
        "name": name, "uid": "pod-" + name,
        "labels": {"neo4jbackup.dev/owner-uid": "uid-" + owner, "neo4jbackup.dev/attempt": str(number)},
        "ownerReferences": [{"uid": "job-" + of_job, "controller": True}]}}


class Run:
    """A backup `b` whose first attempt failed and whose second succeeded; tests bend it before they judge."""

    def __init__(self):
        self.log = Log()
        self.plan = [{"name": "b", "expect": ["Completed"], "retries": 1}]
        self.final, self.slots = [], {"operator-a": 0}
        self.first, self.second = attempt(1, "job-b-1"), attempt(2, "job-b-2")

    def begin(self):
        log = self.log
        log.event("create", "neo4jbackups", backup("b"))
        log.event("create", "jobs", job("b-1", "b"))
        log.event("patch", "neo4jbackups", backup("b", [self.first]), subresource="status")
        log.event("create", "pods", pod("p1", "b", 1, "b-1"))

    def end_first(self):
        self.log.event("patch", "pods", pod("p1", "b", 1, "b-1", "Failed"), subresource="status")
        self.first["reason"] = "SourceUnreachable"

    def retry(self):
        log = self.log
        log.event("create", "jobs", job("b-2", "b"))
        log.event("patch", "neo4jbackups", backup("b", [self.first, self.second]), subresource="status")
        log.event("create", "pods", pod("p2", "b", 2, "b-2"))

    def end(self, status="True", reason="Completed"):
        self.log.event("patch", "pods", pod("p2", "b", 2, "b-2", "Succeeded"), subresource="status")
        self.second["reason"] = reason
        ended = self.log.event("patch", "neo4jbackups", backup("b", [self.first, self.second], status, reason))
        self.final.append(ended)

    def whole(self):
        self.begin()
        self.end_first()
        self.retry()
        self.end()
        return self

    def rules(self):
        _, violations = audit.judge(self.log.events, NS, self.plan, self.final, self.slots)
        return {violation.rule for violation in violations}


class Audit(unittest.TestCase):
    def setUp(self):
        self.run_ = Run()

    def expect(self, *rules):
        self.assertEqual(self.run_.rules(), set(rules))

    def test_nothing_is_wrong_with_a_run_that_was_right(self):
        self.run_.whole()
        self.expect()

    def second_pod(self, of_job):
        self.run_.whole().log.event("create", "pods", pod("p3", "b", 2, of_job))
        self.run_.log.event("patch", "pods", pod("p3", "b", 2, of_job, "Failed"))

    def test_pods_of_two_jobs_of_one_attempt(self):
        self.second_pod("b-1")
        self.expect("one-job")

    def test_the_job_controller_makes_another_pod_of_a_job_whose_pod_has_ended(self):
        self.second_pod("b-2")
        self.expect()

    def test_two_pods_alive(self):
        self.run_.begin()
        self.run_.retry()
        self.run_.end_first()
        self.run_.end()
        self.expect("one-alive")

    def test_a_pod_that_never_ended_is_alive(self):
        self.run_.begin()
        self.run_.retry()
        self.run_.end()
        self.expect("one-alive")

    def test_a_pod_whose_foreign_container_lives_on_has_ended(self):
        self.run_.begin()
        half = pod("p1", "b", 1, "b-1", "Running")
        half["status"]["containerStatuses"] = [{"name": "runner", "state": {"terminated": {}}},
                                               {"name": "proxy", "state": {"running": {}}}]
        self.run_.log.event("patch", "pods", half)
        self.run_.retry()
        self.run_.end()
        self.expect()

    def test_a_pod_ends_when_its_kubelet_deletes_it_and_not_when_somebody_else_asks_for_that(self):
        for user, rules in (("system:node:node1", ()), ("admin", ("one-alive",))):
            self.run_ = Run()
            self.run_.begin()
            self.run_.log.event("delete", "pods", pod("p1", "b", 1, "b-1", "Running"), user=user)
            self.run_.retry()
            self.run_.end()
            self.expect(*rules)

    def test_a_pod_without_a_node_ends_when_it_is_deleted(self):
        self.run_.begin()
        self.run_.log.event("delete", "pods", pod("p1", "b", 1, "b-1", node=""))
        self.run_.retry()
        self.run_.end()
        self.expect()

    def test_a_job_that_was_recorded_after_its_pod_was_made(self):
        events = self.run_.whole().log.events
        recorded = next(e for e in events if e["responseObject"].get("status", {}).get("attempts"))
        recorded["responseObject"]["metadata"]["resourceVersion"] = "105"
        made = next(e for e in events if e["responseObject"]["metadata"]["name"] == "p1")
        made["responseObject"]["metadata"]["resourceVersion"] = "104"
        self.expect("recorded-first")

    def test_a_job_that_was_never_recorded(self):
        self.run_.whole().log.event("create", "pods", pod("p3", "b", 3, "b-3"))
        self.run_.log.event("patch", "pods", pod("p3", "b", 3, "b-3", "Failed"))
        self.expect("recorded-first")

    def test_a_refused_write_records_nothing(self):
        self.run_.whole()
        refused = next(e for e in self.run_.log.events if e["responseObject"].get("status", {}).get("attempts"))
        refused["responseStatus"]["code"] = 409
        # The later write names both Jobs, but after the first pod was made.
        self.expect("recorded-first")

    def test_a_verdict_that_changes(self):
        self.run_.whole()
        self.run_.final = [self.run_.log.event("patch", "neo4jbackups", backup("b", [], "False", "Lost"))]
        self.expect("one-verdict", "right-verdict")

    def test_a_verdict_that_is_taken_back(self):
        self.run_.whole().log.event("patch", "neo4jbackups", backup("b", []))
        self.expect("one-verdict")

    def test_a_verdict_that_is_wrong_for_its_kind(self):
        self.run_.plan[0]["expect"] = ["SourceUnreachable"]
        self.run_.whole()
        self.expect("right-verdict")

    def test_a_right_reason_with_the_wrong_status(self):
        self.run_.begin()
        self.run_.end_first()
        self.run_.retry()
        self.run_.end("False", "Completed")
        self.expect("right-verdict")

    def test_a_backup_that_never_ended(self):
        self.run_.begin()
        self.run_.end_first()
        self.run_.final = [backup("b", [self.run_.first])]
        self.expect("right-verdict")

    def test_a_backup_that_is_gone(self):
        self.run_.whole().final = []
        self.expect("right-verdict")
        self.run_.plan[0]["deleted"] = True
        self.expect()

    def test_a_backup_that_was_deleted_and_stays(self):
        self.run_.whole().plan[0]["deleted"] = True
        self.expect("right-verdict")

    def test_more_attempts_than_were_asked_for(self):
        self.run_.whole().plan[0]["retries"] = 0
        self.expect("attempts")

    def test_a_look_up_is_no_retry(self):
        self.run_.plan[0]["retries"] = 0
        self.run_.second["lookUp"] = True
        self.run_.whole()
        self.expect()

    def test_a_fresh_backup_that_does_not_start_at_once(self):
        self.run_.whole()
        self.run_.plan.append({"name": "f", "expect": ["Completed"], "fresh": True})
        self.run_.final.append(self.run_.log.event("create", "neo4jbackups", backup("f", [], "True", "Completed")))
        self.expect("lost-slot")
        self.run_.log.at += 20
        self.run_.log.event("create", "jobs", job("f-1", "f"))
        self.expect("lost-slot")

    def test_a_fresh_backup_whose_line_comes_after_that_of_its_job(self):
        self.run_.whole()
        self.run_.plan.append({"name": "f", "expect": ["Completed"], "fresh": True})
        self.run_.log.event("create", "jobs", job("f-1", "f"))
        self.run_.final.append(self.run_.log.event("create", "neo4jbackups", backup("f", [], "True", "Completed")))
        self.expect()

    def test_a_slot_that_is_held_while_nothing_runs(self):
        self.run_.whole().slots["operator-b"] = 1
        self.expect("lost-slot")

    def test_a_pod_that_is_left_alive(self):
        self.run_.whole().final.append(pod("p2", "b", 2, "b-2", "Running"))
        self.expect("leftover")

    def test_a_job_that_no_status_speaks_of(self):
        self.run_.whole().final.append(job("b-9", "b"))
        self.expect("leftover")

    def test_a_job_that_should_have_been_removed(self):
        self.run_.whole().final.append(job("b-1", "b"))
        self.expect()
        self.run_.final.append(job("b-2", "b"))
        self.expect("leftover")

    def test_a_log_that_misses_what_is_there(self):
        self.run_.whole().final.append(pod("p7", "b", 2, "b-2", "Succeeded"))
        self.expect("complete-log")

    def test_other_namespaces_and_dry_runs_count_for_nothing(self):
        self.run_.whole()
        for field in ("namespace", "dry run"):
            self.run_.log.event("create", "pods", pod("p3", "b", 2, "b-9"))
            if field == "namespace":
                self.run_.log.events[-1]["objectRef"]["namespace"] = "other"
            else:
                self.run_.log.events[-1]["requestURI"] = "/x?dryRun=All"
        self.expect()

    def test_every_rule_has_been_broken_here(self):
        with open(os.path.abspath(__file__), encoding="utf-8") as file:
            text = file.read()
        for rule in audit.RULES:
            self.assertIn(f'"{rule}"', text)


if __name__ == "__main__":
    unittest.main()
