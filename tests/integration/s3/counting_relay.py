"""Stands before an S3 server on loopback and writes down every request: counting_relay.py SERVER_PORT PORT_FILE LOG
The port it listens on goes to PORT_FILE. A line of LOG is "SECONDS PID METHOD TARGET": when the request's head had come, by the system's
monotonic clock, and the process that asked. Requests and answers pass as they are. Ends when it is killed."""
import asyncio
import os
import re
import sys
import time

server_port, port_file, log_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
log = open(log_file, "a", buffering=1)


def socket_of(client, ours):
    """The name that /proc gives the socket at the other end of a connection of ours, by both ports; None if the table shows none."""
    with open("/proc/net/tcp") as table:
        for line in table:
            fields = line.split()
            if fields[1:3] == [f"0100007F:{client:04X}", f"0100007F:{ours:04X}"]:
                return f"socket:[{fields[9]}]"
    return None


def has_open(process, socket):
    folder = f"/proc/{process}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return False  # it has ended
    for name in names:
        try:
            if os.readlink(f"{folder}/{name}") == socket:
                return True
        except OSError:
            continue  # it has closed that file meanwhile; the socket may be among the others
    return False


def process_of(client, ours):
    """Which process is at the other end of a connection of ours; "?" if none is found."""
    # Both tables may change while they are read, and then leave out what is there.
    for _ in range(20):
        socket = socket_of(client, ours)
        for process in filter(str.isdigit, os.listdir("/proc")) if socket else ():
            if has_open(process, socket):
                return process
    return "?"


async def pass_requests(reader, writer, process):
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        print(f"{time.monotonic():.3f} {process} {method} {target}", file=log)
        writer.write(head)
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        left = int(length[1]) if length else 0
        while left > 0:
            piece = await reader.read(min(left, 1 << 16))
            if not piece:
                return
            left -= len(piece)
            writer.write(piece)
            await writer.drain()


async def pass_answers(reader, writer):
    while piece := await reader.read(1 << 16):
        writer.write(piece)
        await writer.drain()


async def serve(client_reader, client_writer):
    process = process_of(client_writer.get_extra_info("peername")[1], client_writer.get_extra_info("sockname")[1])
    server_reader, server_writer = await asyncio.open_connection("127.0.0.1", server_port)
    tasks = [asyncio.create_task(pass_requests(client_reader, server_writer, process)),
             asyncio.create_task(pass_answers(server_reader, client_writer))]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for writer in (client_writer, server_writer):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with open(port_file + ".new", "w") as file:
        print(server.sockets[0].getsockname()[1], file=file)
    os.rename(port_file + ".new", port_file)
    await server.serve_forever()


asyncio.run(main())
