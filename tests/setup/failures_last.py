#!/usr/bin/env python3
"""What ctest prints, with the lines that tell what failed once more before its closing lines: in thousands of lines before them
nobody finds them, and some only see the end.    ctest ... | failures_last.py
"""
import re
import sys

TEST = re.compile(r" +Start +\d+: | *\d+/\d+ Test +#")
CLOSING = re.compile(r"\d+% tests passed")
FAILURE = re.compile(r"FAILED: |.*: Failure$|SUMMARY: ")
MOST = 8


def main():
    # Tests print what hostile peers sent.
    sys.stdin.reconfigure(errors="replace")
    failures, held = [], []
    closing = False
    # Not by iterating over the file, which reads ahead: people watch.
    for line in iter(sys.stdin.readline, ""):
        if FAILURE.match(line) and len(failures) < MOST:
            failures.append(line)
        # A test may have printed the closing lines of a ctest of its own.
        if CLOSING.match(line) or TEST.match(line):
            sys.stdout.writelines(held)
            held = []
            closing = bool(CLOSING.match(line))
        if closing:
            held.append(line)
        else:
            sys.stdout.write(line)
            sys.stdout.flush()
    if failures:
        print("== what failed:")
        sys.stdout.writelines(failures)
    sys.stdout.writelines(held)


if __name__ == "__main__":
    main()
