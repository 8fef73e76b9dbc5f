"""The driver: a process that asks one target, told by lines of JSON. It is ended if it hangs."""

import json
import select
import subprocess
import time


class DriverError(RuntimeError):
    pass


class Driver:
    def __init__(self, plan, target, teams, at="", database="", library="", connections=8):
        command = [plan.program, "drive", "--target", target, "--teams", teams]
        for option, value in [("--at", at), ("--database", database), ("--library", library)]:
            if value:
                command += [option, value]
        command += ["--connections", connections]
        self.limit_s = plan.peer_limit_s
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.buffer = b""

    @property
    def pid(self):
        return self.process.pid

    def send(self, **command):
        line = json.dumps(command, default=str).encode() + b"\n"
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise DriverError(self.last_words()) from None

    def answer(self, limit_s=None):
        end = time.monotonic() + (limit_s or self.limit_s)
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                self.stop()
                raise DriverError(f"no answer within {limit_s or self.limit_s} s")
            more = self.process.stdout.read1(65536)
            if not more:
                raise DriverError(self.last_words())
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        answer = json.loads(line)
        if "error" in answer:
            raise DriverError(answer["error"])
        return answer

    def __call__(self, cmd, limit_s=None, **command):
        try:
            self.send(cmd=cmd, **command)
            return self.answer(limit_s)
        except DriverError:
            raise
        except BaseException:
            # Interrupted: an answer that comes later must not pass for the next one's.
            self.stop()
            raise

    def last_words(self):
        self.process.wait(10)
        if self.process.stderr.closed:
            return "its driver was ended before"
        words = self.process.stderr.read().decode(errors="replace").strip()
        return f"the driver ended: {words[-400:]}"

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
