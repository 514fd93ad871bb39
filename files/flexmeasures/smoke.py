"""Proves at build time that the locked packages make an application; needs no database and no Redis."""

import json
import os
import secrets
import tempfile

from flexmeasures.app import create

# FlexMeasures writes its log file into the working directory, which the image's user cannot write.
os.chdir(tempfile.mkdtemp())
os.environ.update(
    FLEXMEASURES_ENV="documentation",
    SECRET_KEY=secrets.token_hex(),
    SECURITY_TOTP_SECRETS=json.dumps({"1": secrets.token_hex()}),
    SQLALCHEMY_DATABASE_URI="postgresql://nobody@127.0.0.1:1/none",
)
application = create(env="documentation")
health = [str(rule) for rule in application.url_map.iter_rules() if "health/ready" in str(rule)]
if not health:
    raise SystemExit("the application has no health endpoint; expected /api/v3_0/health/ready")
print("application made, health endpoint", health[0])
