# Sourced. Debian's lists of packages cannot be fetched twice at once: whoever comes second waits for the first.
apt_update() {
  flock "${TMPDIR:-/tmp}/clipn-apt-update.lock" apt-get update -qq >&2
}
