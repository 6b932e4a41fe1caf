# Sourced. apt-get update fails if another one runs, so the lock makes the second one wait.
apt_update() {
  flock "${TMPDIR:-/tmp}/clipn-apt-update.lock" apt-get update -qq >&2
}
