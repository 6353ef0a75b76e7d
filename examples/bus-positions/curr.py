"""GET /curr[?route=18]: the positions that Redis holds now, as a JSON array. Standard library only."""

import argparse
import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Redis:
    """One connection; commands are pipelined. https://redis.io/docs/latest/develop/reference/protocol-spec/"""

    def __init__(self, host, port):
        self.connection = socket.create_connection((host, port), timeout=5)
        self.replies = self.connection.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.replies.close()
        self.connection.close()

    def send(self, *commands):
        """Sends all commands at once and gives their replies."""
        request = bytearray()
        for command in commands:
            request += b"*%d\r\n" % len(command)
            for word in command:
                word = word.encode()
                request += b"$%d\r\n%s\r\n" % (len(word), word)
        self.connection.sendall(request)
        return [self.reply() for _ in commands]

    def reply(self):
        line = self.replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self.replies.read(length + 2)[:-2].decode()
        return rest.decode()


# What the hashes have for users; they also hold a field of the route's NEWER.
FIELDS = {"route": str, "headsign": str, "lat": float, "long": float, "speed": float, "at": int}


def positions(address, route):
    with Redis(*address) as redis:
        (vehicles,) = redis.send(["ZRANGE", "buses", "0", "-1"])
        hashes = redis.send(*(["HMGET", f"bus:{vehicle}", *FIELDS] for vehicle in vehicles))
    found = []
    for vehicle, values in zip(vehicles, hashes):
        # A bus that has not been heard of for ten minutes is on the map, but its hash is gone.
        if None not in values and route in (None, values[0]):
            bus = {name: kind(text) for (name, kind), text in zip(FIELDS.items(), values)}
            found.append({"veh": int(vehicle), **bus})
    return found


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        if url.path != "/curr":
            return self.answer(404, {"error": "only /curr[?route=18] is here"})
        route = parse_qs(url.query).get("route", [None])[0]
        try:
            return self.answer(200, positions(self.server.redis, route))
        except (OSError, RuntimeError) as error:
            return self.answer(503, {"error": str(error)})

    def answer(self, status, body):
        body = json.dumps(body, ensure_ascii=False).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis", type=address, default="localhost:6379")
    parser.add_argument("--listen", type=address, default="localhost:8080")
    arguments = parser.parse_args()
    server = ThreadingHTTPServer(arguments.listen, Handler)
    server.redis = arguments.redis
    server.serve_forever()


if __name__ == "__main__":
    main()
