# Steps that run side by side: sourced by .ci/run.
#
#   step NAME 'GUARDS' 'NEEDS' COMMAND...   starts COMMAND in the background once every step in NEEDS has succeeded. A name in NEEDS that
#                                           begins with ~ only orders: it may have failed. A word of a command may be a function.
#   finish                                  waits for all steps, prints each one's output as it ends and a table of timings last;
#                                           exit status 1 when a step failed, was not run or exceeded STEP_LIMIT_S
#
# Every step has its own log, so that the output of steps is not mixed, and its own process group, so that no process outlives an interrupt.

STEP_LIMIT_S=${STEP_LIMIT_S:-3600}
export STATE
STATE=$(mktemp -d "${TMPDIR:-/tmp}/clipn-ci-XXXXXX")
NAMES=()
declare -A GUARDS PIDS
# Nobody writes into this pipe, so that a read with a time-out is a pause. Polls with programs (sleep, date, cat) took a quarter of a core.
mkfifo "$STATE/pause"
exec {PAUSE}<>"$STATE/pause"
pause() { read -r -t "$1" -u "$PAUSE" || true; }
set -m # job control: a process group for each step
trap 'stop_all; rm -rf "$STATE"' EXIT

step() {
  local name=$1 needs=$3
  # the shell of a command knows what the caller has defined until then
  declare -fx $(compgen -A function)
  NAMES+=("$name")
  GUARDS[$name]=$2
  shift 3
  run_step "$name" "$needs" "$@" >"$STATE/$name.log" 2>&1 </dev/null &
  PIDS[$name]=$!
  disown # bash would report the end of each job among the output
}

# Waits for what the step needs, runs it with -e in force, and leaves STATUS, WALL and CPU seconds behind. The processor time is that of all
# processes that the step has started, also of those whose parent was killed, as long as they ended before the step did.
run_step() {
  set +e
  trap - EXIT
  local name=$1 needs=$2 need status wall=0 user=0 system=0
  shift 2
  for need in $needs; do
    until [ -e "$STATE/${need#\~}.status" ]; do pause 0.2; done
    if [ "$need" = "${need#\~}" ] && [ "$(cat "$STATE/$need.status")" != 0 ]; then
      echo "not run, because '$need' failed"
      leave "$name" skipped 0 0 0
      return
    fi
  done
  date +%s >"$STATE/$name.started"
  # a shell of its own, which knows the functions and variables of the caller, below a process that counts all its descendants
  .ci/reap "$STATE/$name.time" bash -euo pipefail -c 'export -fn $(compgen -A function); "$@"' "$name" "$@" {PAUSE}<&-
  status=$?
  # no file if the program that counts was killed
  [ ! -e "$STATE/$name.time" ] || read -r wall user system <"$STATE/$name.time"
  leave "$name" "$status" "$wall" "$user" "$system"
}

# NAME STATUS WALL USER SYSTEM: written to another file and renamed, so that no reader sees a partial file.
leave() {
  echo "$3 $4 $5" >"$STATE/$1.seconds"
  echo "$2" >"$STATE/$1.status.new"
  mv "$STATE/$1.status.new" "$STATE/$1.status"
}

stop_all() {
  local name
  for name in "${NAMES[@]}"; do
    [ -e "$STATE/$name.status" ] || kill -KILL -- "-${PIDS[$name]}" 2>/dev/null || true
  done
}

finish() {
  local name left=("${NAMES[@]}") still failed=()
  while [ ${#left[@]} -gt 0 ]; do
    pause 0.3
    still=()
    for name in "${left[@]}"; do
      if [ ! -e "$STATE/$name.status" ]; then
        limit "$name"
        still+=("$name")
        continue
      fi
      printf '\n== %s: %s\n' "$name" "${GUARDS[$name]}"
      cat "$STATE/$name.log"
      printf '== %s: %s\n' "$name" "$(outcome "$name")"
      [ "$(cat "$STATE/$name.status")" = 0 ] || failed+=("$name")
    done
    left=("${still[@]}")
  done
  table
  [ ${#failed[@]} -eq 0 ] && return
  for name in "${failed[@]}"; do
    printf '\n== FAILED: %s (%s), the end of its output:\n' "$name" "${GUARDS[$name]}"
    # a summary of what failed stands at the end of a test runner's output
    tail -n 120 "$STATE/$name.log"
  done
  printf '\nfailed: %s\n' "${failed[*]}"
  return 1
}

# Ends a step that exceeds the time limit.
limit() {
  local name=$1 now began
  [ -e "$STATE/$name.started" ] || { alive "$name"; return; }
  printf -v now '%(%s)T' -1
  # the file may just be written, and is empty then
  read -r began <"$STATE/$name.started" || return 0
  if [ $((now - began)) -gt "$STEP_LIMIT_S" ]; then
    kill -KILL -- "-${PIDS[$name]}" 2>/dev/null || true
    echo "ended after $STEP_LIMIT_S s, the most that a step may take" >>"$STATE/$name.log"
    leave "$name" 124 "$STEP_LIMIT_S" 0 0
    return
  fi
  alive "$name"
}

# A step whose shell was killed leaves no status; without this, the other steps would wait for it without end.
alive() {
  kill -0 "${PIDS[$1]}" 2>/dev/null && return
  [ -e "$STATE/$1.status" ] && return
  echo 'its shell was killed' >>"$STATE/$1.log"
  leave "$1" 137 0 0 0
}

outcome() {
  case "$(cat "$STATE/$1.status")" in
    0) echo passed ;;
    skipped) echo 'not run' ;;
    *) echo "FAILED with status $(cat "$STATE/$1.status")" ;;
  esac
}

table() {
  local name wall user system
  printf '\n%-20s %8s %8s  %s\n' step 'wall s' 'CPU s' outcome
  for name in "${NAMES[@]}"; do
    read -r wall user system <"$STATE/$name.seconds"
    printf '%-20s %8.0f %8.0f  %s\n' "$name" "$wall" "$(awk "BEGIN { print $user + $system }")" "$(outcome "$name")"
  done
  printf '%-20s %8d\n' 'whole run' "$SECONDS"
}
