"""Asks FlexMeasures itself, its database and its queue."""

import json

SERVER = "http://192.168.241.10:5000"


def _sql(host, query):
    command = "docker exec flexmeasures-db psql -X -qtA -U postgres -d flexmeasures -c %s"
    return host.check_output(command, query).strip()


# FlexMeasures refuses requests for a host name that is not one of its own.
ASK = "curl --silent --header 'Host: localhost' --write-out ' %%{http_code}' "


def _log_in(host, email, password):
    body = json.dumps({"email": email, "password": password})
    send = ASK + "--header 'Content-Type: application/json' --data %s %s"
    answer, _, code = host.check_output(send, body, f"{SERVER}/api/requestAuthToken").rpartition(" ")
    return code, json.loads(answer)


def test_it_is_ready(host):
    assert host.check_output(ASK + "%s", f"{SERVER}/api/v3_0/health/ready").endswith(" 200")


def test_a_foreign_host_name_is_refused(host):
    code = ASK.replace("localhost", "other.example") + "--output /dev/null %s"
    assert host.check_output(code, f"{SERVER}/api/v3_0/health/ready") == " 400"


def test_only_the_generated_password_opens_the_administrators_account(host, secrets):
    code, answer = _log_in(host, "admin@digitribe.fr", (secrets / "flexmeasures_admin").read_text().strip())
    assert code == "200"
    assert answer["auth_token"]
    assert _log_in(host, "admin@digitribe.fr", "admin")[0] == "401"


def test_the_posting_services_have_a_user_without_a_role_each(host):
    query = (
        "SELECT count(*) FROM fm_user u LEFT JOIN roles_users r ON r.user_id = u.id "
        "WHERE u.email LIKE '%@cariflex.digitribe.fr' AND r.role_id IS NULL"
    )
    assert int(_sql(host, query)) >= 6


def test_the_worker_serves_scheduling_and_forecasting(host):
    ask = 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli --raw'
    list_workers = f'{ask} smembers rq:workers | while read -r key; do {ask} hget "$key" queues; done'
    queues = host.check_output("docker exec flexmeasures-redis sh -c %s", list_workers).split()
    assert {frozenset(found.split(",")) for found in queues} == {frozenset({"scheduling", "forecasting"})}


def test_both_run_without_rights(host):
    template = "{{json .HostConfig.CapDrop}} {{.HostConfig.ReadonlyRootfs}} {{.Config.User}}"
    names = "flexmeasures-server flexmeasures-worker"
    found = host.check_output(f"docker inspect --format %s {names}", template)
    assert found.splitlines() == ['["ALL"] true 10001:10001'] * 2


def test_no_secret_is_in_the_environment(host, secrets):
    shown = host.check_output("docker inspect flexmeasures-server flexmeasures-worker")
    assert [file.name for file in secrets.iterdir() if file.read_text().split()[0] in shown] == []
