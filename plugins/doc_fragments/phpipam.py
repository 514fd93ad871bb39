"""Documentation that the phpIPAM modules and plugins share."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach phpIPAM and as whom; every option may come from an environment variable."""

    DOCUMENTATION = r"""
notes:
  - An app code is preferred (no login, no expiry); it needs HTTPS at phpIPAM. A session of O(username) is not
    logged out, because phpIPAM has one token a user and other clients share it.
  - A failed login is never repeated, because phpIPAM blocks a client after ten of them.
options:
  url:
    description: Address of phpIPAM, without C(/api). Default is the environment variable E(PHPIPAM_URL).
    type: str
  app_id:
    description: Name of the API app. Default is E(PHPIPAM_APP_ID).
    type: str
  app_code:
    description: The app's code. Default is E(PHPIPAM_APP_CODE).
    type: str
  username:
    description: User, when there is no O(app_code). Default is E(PHPIPAM_USERNAME).
    type: str
  password:
    description: The user's password. Default is E(PHPIPAM_PASSWORD).
    type: str
  validate_certs:
    description: Check the server's certificate. Default is E(PHPIPAM_VALIDATE_CERTS), else true.
    type: bool
    default: true
  ca_path:
    description: File with the authority of the server's certificate. Default is E(PHPIPAM_CA_PATH).
    type: path
  timeout_s:
    description: Longest wait for one answer in seconds. Default is E(PHPIPAM_TIMEOUT_S), else 10.
    type: float
    default: 10.0
"""

    # For plugins, whose options name their environment variables themselves.
    PLUGIN = r"""
options:
  url: {description: Address of phpIPAM., type: str, env: [{name: PHPIPAM_URL}]}
  app_id: {description: Name of the API app., type: str, env: [{name: PHPIPAM_APP_ID}]}
  app_code: {description: The app's code., type: str, env: [{name: PHPIPAM_APP_CODE}]}
  username: {description: User without an app code., type: str, env: [{name: PHPIPAM_USERNAME}]}
  password: {description: The user's password., type: str, env: [{name: PHPIPAM_PASSWORD}]}
  validate_certs:
    description: Check the certificate.
    type: bool
    default: true
    env: [{name: PHPIPAM_VALIDATE_CERTS}]
  ca_path: {description: File with the authority., type: path, env: [{name: PHPIPAM_CA_PATH}]}
  timeout_s:
    description: Longest wait for one answer in seconds.
    type: float
    default: 10.0
    env: [{name: PHPIPAM_TIMEOUT_S}]
"""
