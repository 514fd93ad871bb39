"""Write a copy of an archive whose manifest says that a later PostgreSQL made it: altered.py ARCHIVE COPY."""

import io
import json
import sys
import tarfile

source, target = sys.argv[1:]
with tarfile.open(source) as old, tarfile.open(target, "w:gz") as new:
    for entry in old:
        content = old.extractfile(entry).read()
        if entry.name == "manifest.json":
            manifest = json.loads(content)
            manifest["versions"]["postgres"] = "99.1"
            manifest["release"] = "v99"
            content = json.dumps(manifest).encode()
            entry.size = len(content)
        new.addfile(entry, io.BytesIO(content))
