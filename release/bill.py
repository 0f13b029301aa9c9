"""The bill of materials of a wheel, without what is only true of one build of it.

maturin writes one (PEP 770), with a random serial number, the time, and the folder of the sources in the references of
our own crates, whose package here is called after its folder. This takes them out, and writes the archive anew.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
import time
import uuid
import zipfile
from pathlib import Path

# The start of the numbers made of a bill's text (RFC 9562, version 5).
SERIAL = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/schema/bom-1.5.schema.json")


def without_place(text: str, root: Path, name: str, times: str) -> str:
    """The bill, of a distribution of that name."""
    # As Cargo writes folders in identifiers of packages; on Windows with a slash before the drive.
    text = text.replace(f"path+file://{'/' if os.name == 'nt' else ''}{root.as_posix()}", "path+file://")
    bill = json.loads(text)
    bill.pop("serialNumber", None)
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(times)))
    bill["metadata"] = {**bill["metadata"], "timestamp": when}
    component = bill["metadata"]["component"]
    component["name"] = name
    component["purl"] = f"pkg:pypi/{name}@{component['version']}"
    number = uuid.uuid5(SERIAL, json.dumps(bill, sort_keys=True))
    return json.dumps({**bill, "serialNumber": f"urn:uuid:{number}"}, indent=1, sort_keys=True) + "\n"


def settle(wheel: Path, root: Path, name: str, times: str) -> None:
    """Put such a bill into a wheel, and its hash into the record."""
    members: list[tuple[zipfile.ZipInfo, bytes]] = []
    changed: dict[str, bytes] = {}
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            data = archive.read(entry)
            if re.search(r"\.dist-info/sboms/[^/]+\.cyclonedx\.json$", entry.filename):
                data = changed[entry.filename] = without_place(data.decode(), root, name, times).encode()
            members.append((entry, data))
    new = wheel.with_suffix(".new")
    with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for entry, data in members:
            info = zipfile.ZipInfo(entry.filename, entry.date_time)
            info.external_attr, info.create_system = entry.external_attr, entry.create_system
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, recorded(data, changed) if entry.filename.endswith(".dist-info/RECORD") else data)
    new.replace(wheel)


def recorded(record: bytes, changed: dict[str, bytes]) -> bytes:
    """A record with the hashes and sizes of what has changed."""
    rows = list(csv.reader(io.StringIO(record.decode())))
    for row in rows:
        if row and row[0] in changed:
            digest = base64.urlsafe_b64encode(hashlib.sha256(changed[row[0]]).digest()).rstrip(b"=").decode()
            row[1:] = [f"sha256={digest}", str(len(changed[row[0]]))]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
