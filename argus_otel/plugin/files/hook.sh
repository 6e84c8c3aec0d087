#!/bin/sh
# Gives one hook to a Python that fits: what Claude Code says on stdin goes to lib/argus_otel/capture/hook.py.
# As a module, not as a script: what is imported is compiled once.
#
#   sh hook.sh EventName < hook.json    prints only what hook.py prints, exits 0 whatever happens
#   sh hook.sh --interpreter            prints "VERSION PATH" of the Python that hooks use, or "none";
#                                       then a line "passed over PATH: why" for each that does not fit
#
# ARGUS_OTEL_PYTHON names the interpreter; without it: python3, python, python3.x on PATH, then py -3.
# The version is looked at before stdin is read, so one that is too old leaves the input to the next.

case $0 in
*/*) root=${0%/*} ;;
*) root=. ;;
esac
asked=${1:-}
newline='
'
passed_over=''

note() {
  passed_over="${passed_over}passed over $1: $2$newline"
}

# Two stubs stand where a Python could be; running them opens a shop or a dialog.
is_stub() {
  case $1 in
  */[Ww]indows[Aa]pps/*)
    note "$1" 'the stub of the Windows store'
    return 0
    ;;
  /usr/bin/python*)
    # xcode-select is on every Mac and nowhere else.
    if command -v xcode-select >/dev/null 2>&1 && ! xcode-select -p </dev/null >/dev/null 2>&1; then
      note "$1" "the stub of macOS's developer tools"
      return 0
    fi
    ;;
  esac
  return 1
}

fits='import sys
if sys.version_info < (3, 9): sys.exit(1)
'
run_hook="${fits}sys.path.insert(0, sys.argv[1])
from argus_otel.capture import hook
hook.main(['hook', sys.argv[2]])"
tell="${fits}print('%d.%d.%d %s' % (sys.version_info[:3] + (sys.executable,)))"

# give COMMAND [-3]: true if it took the hook. What a failing one prints is dropped.
give() {
  is_stub "$1" && return 1
  if [ "$asked" = --interpreter ]; then
    said=$("$@" -I -S -c "$tell" 2>/dev/null </dev/null)
  else
    said=$("$@" -I -S -c "$run_hook" "$root/lib" "$asked" 2>/dev/null)
  fi
  status=$?
  if [ "$status" -eq 0 ]; then
    [ -z "$said" ] || printf '%s\n' "$said" 2>/dev/null
    return 0
  fi
  # Ended by a signal: the input may be used up, and whoever sent it wants an end.
  [ "$status" -gt 128 ] && [ "$asked" != --interpreter ] && exit 0
  note "$1" 'it fails, or is older than Python 3.9'
  return 1
}

is_in_round() {
  case $1 in
  */shims) [ "$round" = shims ] ;;
  /*) [ "$round" = others ] ;;
  *) false ;; # relative: what lies there is the project's
  esac
}

find_python() {
  if [ -n "${ARGUS_OTEL_PYTHON:-}" ]; then
    give "$ARGUS_OTEL_PYTHON"
    return
  fi
  # The shims of version managers are scripts and take many times as long: last.
  for round in others shims; do
    for name in python3 python python3.14 python3.13 python3.12 python3.11 python3.10 python3.9; do
      # Not `command -v`: behind a stub or an old one there may be one that fits.
      IFS=:
      for folder in $PATH; do
        is_in_round "$folder" || continue
        if [ -f "$folder/$name" ] && [ -x "$folder/$name" ]; then
          give "$folder/$name" && return
        fi
      done
    done
  done
  launcher=$(command -v py) && give "$launcher" -3
}

set -f
find_python || [ "$asked" != --interpreter ] || printf 'none\n'
[ "$asked" != --interpreter ] || printf '%s' "$passed_over"
exit 0
