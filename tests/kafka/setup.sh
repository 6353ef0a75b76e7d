#!/bin/sh
# Puts the jars of a real Kafka broker into the cache the tests start it from:
#   ${REDIS_KAFKA_CACHE:-$HOME/.cache/redis-kafka}/kafka-4.1.1/lib
# Does nothing when they are there. Needs Java 17 and Maven.
set -eu

version=4.1.1
here=$(cd "$(dirname "$0")" && pwd)
home=${REDIS_KAFKA_CACHE:-$HOME/.cache/redis-kafka}/kafka-$version

if [ -f "$home/lib/kafka_2.13-$version.jar" ]; then
    echo "Kafka $version: $home/lib"
    exit 0
fi
for tool in java keytool mvn; do
    command -v "$tool" >/dev/null || {
        echo "setup.sh: $tool is missing (Debian: apt-get install openjdk-17-jre-headless maven)" >&2
        exit 1
    }
done

# Copied beside and renamed at the end: a broken download never looks complete.
mkdir -p "$home"
partial=$(mktemp -d "$home/partial.XXXXXX")
trap 'rm -rf "$partial"' EXIT
mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$partial/lib"
rm -rf "${home:?}/lib"
mv "$partial/lib" "$home/lib"
echo "Kafka $version: $home/lib"
