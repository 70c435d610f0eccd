"""As much of curl as the pages for operators use, for machines that have none."""

import argparse
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def ask(url: str, headers: list[str]) -> tuple[int, bytes]:
    """Return status and body; status 0: nobody answers."""
    request = urllib.request.Request(url, headers=dict(header.split(": ", 1) for header in headers))
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError:
        return 0, b""


def main() -> int:
    """Print what a URL gives; return 0, or as curl 7 (nobody answers) or 22 (--fail, and the status is an error's)."""
    parser = argparse.ArgumentParser()
    for flag in ("--silent", "--fail", "--retry-all-errors", "--retry-connrefused"):
        parser.add_argument(flag, action="store_true")
    for number in ("--retry", "--retry-delay"):
        parser.add_argument(number, type=int, default=0)
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--output", type=Path)
    parser.add_argument("--write-out", default="")
    parser.add_argument("url")
    args = parser.parse_args()
    for left in range(args.retry, -1, -1):
        status, body = ask(args.url, args.header)
        code = 7 if not status else 22 if args.fail and status >= 400 else 0
        if not code or not left or not (args.retry_all_errors or (args.retry_connrefused and code == 7)):
            break
        time.sleep(args.retry_delay)
    if args.output is not None:
        args.output.write_bytes(body)
    elif code == 0:
        sys.stdout.write(body.decode())
    sys.stdout.write(args.write_out.replace("%{http_code}", f"{status:03}").replace("\\n", "\n"))
    return code


if __name__ == "__main__":
    sys.exit(main())
