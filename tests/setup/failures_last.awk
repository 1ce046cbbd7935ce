# What ctest prints, with the lines that tell what failed once more before its closing lines: in thousands of lines before them
# nobody finds them, and some only see the end.
#   ctest ... | awk -f failures_last.awk
function release() {
    for (i = 1; i <= held_count; i++) print held[i]
    held_count = 0
}
# A test may have printed the closing lines of a ctest of its own.
/^ +Start +[0-9]+: |^ *[0-9]+\/[0-9]+ Test +#/ { release(); closing = 0 }
/^[0-9]+% tests passed/ { release(); closing = 1 }
/^FAILED: |: Failure$|^SUMMARY: / && count < 8 { failures[++count] = $0 }
closing { held[++held_count] = $0; next }
{ print; fflush() }
END {
    if (count > 0) print "== what failed:"
    for (i = 1; i <= count; i++) print failures[i]
    release()
}
