#!/bin/bash
# Makes a later FlexMeasures of the running one, with one more migration, and pushes it: release_image.sh TAG REVISION BEFORE SQL
set -euo pipefail
tag=$1 revision=$2 before=$3 sql=$4
image=registry:5000/cariflex/flexmeasures:$tag
running=$(docker inspect --format '{{.Config.Image}}' flexmeasures-server)
folder=$(docker exec flexmeasures-server python3 -c 'import flexmeasures.data, pathlib; print(pathlib.Path(flexmeasures.data.__file__).parent / "migrations/versions")')
cat >"/tmp/$revision.py" <<PYTHON
"""A migration of the test's own."""
from alembic import op

revision, down_revision = "$revision", "$before"


def upgrade():
    op.execute("$sql")
PYTHON
chmod 644 "/tmp/$revision.py"
docker rm --force later >/dev/null 2>&1 || true
docker create --name later "$running" >/dev/null
docker cp "/tmp/$revision.py" "later:$folder/$revision.py"
docker commit later "$image"
docker rm later
docker push --quiet "$image"
