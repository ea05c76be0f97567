"""Clients as bad as they come, against a server of a templar process. Called by hostile_clients_test.sh:
   hostile_clients.py PID PORT PATH"""
import http.client
import os
import resource
import socket
import sys
import threading
import time

pid, port, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
ROOM_KB = 32 << 10
failures = []


def fail(what):
    failures.append(what)
    print(f"FAILED: {what}", flush=True)


def resident_kb():
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def connect():
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    return client


def ask(host=None, seconds=10.0):
    """(status, seconds it took); status None if there was no answer."""
    begun = time.monotonic()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        connection.request("GET", path, headers={} if host is None else {"Host": host})
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - begun
    except (OSError, http.client.HTTPException):
        return None, time.monotonic() - begun


def others_are_served(while_what):
    # The best of three: this machine may be busy with other tests.
    found = [ask() for _ in range(3)]
    if not any(status == 200 and seconds <= 1 for status, seconds in found):
        fail(f"while {while_what}: an honest client gets {found}")


def bounded(after_what, before):
    grown = resident_kb() - before
    print(f"after {after_what}: {grown} KiB more")
    if grown > ROOM_KB:
        fail(f"after {after_what}: {grown} KiB more than before")


def hosts():
    good = ["localhost", f"localhost:{port}", "127.0.0.1", f"127.0.0.1:{port}", "127.1.2.3", "[::1]", f"[::1]:{port}", "[::ffff:127.0.0.1]"]
    bad = ["127.evil.com", "127.0.0.1.evil.com", "[::1].evil", "[::1].evil.com", "evil.com", "localhost.evil.com", "127.0.0.1@evil.com",
           "evil.com:127", "2130706433", "0x7f.1", "[::ffff:10.0.0.1]", "10.0.0.1", "0.0.0.0", "[::]", "127.0.0.1.", "[::1", " ", "127.0.0.1 evil.com"]
    for host in good:
        if ask(host)[0] != 200:
            fail(f"Host {host}: {ask(host)[0]} instead of 200")
    for host in bad:
        if ask(host)[0] == 200:
            fail(f"Host {host!r} is answered")
    with connect() as client:  # without a Host, which 1.1 asks for: no browser sends that
        client.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        client.settimeout(10)
        if not client.recv(100).startswith(b"HTTP/1.1 "):
            fail("a request without a Host is not answered at all")


def huge_post(chunked):
    piece = bytes(1 << 20)
    sent = 0
    with connect() as client:
        try:
            if chunked:
                client.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            else:
                client.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {1500 << 20}\r\n\r\n".encode())
            while sent < 1500:
                client.sendall(b"100000\r\n" + piece + b"\r\n" if chunked else piece)
                sent += 1
        except OSError:
            pass  # cut off
    print(f"a {'chunked' if chunked else 'plain'} POST was cut off after {sent} MiB" if sent < 1500 else "all 1500 MiB were taken")


def endless_head():
    with connect() as client:
        try:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode())
            for _ in range(100_000):
                client.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")
        except OSError:
            pass


def drip(stop):
    try:
        with connect() as client:
            for byte in f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".encode() + b"x" * 10_000:
                if stop.wait(0.2):
                    return
                client.sendall(bytes([byte]))
    except OSError:
        pass  # cut off


def main():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    others_are_served("nobody disturbs")
    before = resident_kb()
    hosts()
    for chunked in (False, True):
        sender = threading.Thread(target=huge_post, args=(chunked,))
        sender.start()
        others_are_served("somebody posts 1.5 GB")
        sender.join()
        bounded("a POST of 1.5 GB", before)
    endless_head()
    bounded("an endless head", before)
    silent = [connect() for _ in range(1000)]
    others_are_served("1000 connections say nothing")
    bounded("1000 connections that say nothing", before)
    halves = []
    for _ in range(500):
        client = connect()
        try:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode())
            halves.append(client)
        except OSError:
            client.close()
    others_are_served("500 say half of it")
    lazy = []
    for _ in range(200):  # who ask and never read
        client = connect()
        try:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 50)
            lazy.append(client)
        except OSError:
            client.close()
    others_are_served("200 do not read their answers")
    stop = threading.Event()
    drippers = [threading.Thread(target=drip, args=(stop,)) for _ in range(64)]
    for dripper in drippers:
        dripper.start()
    time.sleep(1)
    others_are_served("64 drip byte by byte")
    bounded("all of them", before)
    # Ctrl-C with all of them still there.
    os.kill(pid, 2)
    begun = time.monotonic()
    while time.monotonic() - begun < 20 and os.path.exists(f"/proc/{pid}"):
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            if file.read().rpartition(")")[2].split()[0] == "Z":
                break
        time.sleep(0.01)
    seconds = time.monotonic() - begun
    print(f"ended {seconds:.2f} s after Ctrl-C")
    if seconds > float(os.environ.get("END_SECONDS", "1")):
        fail(f"ended only {seconds:.2f} s after Ctrl-C")
    stop.set()
    for dripper in drippers:
        dripper.join()
    for client in silent + halves + lazy:
        client.close()
    sys.exit(bool(failures))


main()
