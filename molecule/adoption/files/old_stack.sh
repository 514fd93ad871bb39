#!/bin/bash
# A stack as somebody made it by hand, with data: old_stack.sh POSTGRES_IMAGE REDIS_IMAGE FLEXMEASURES_IMAGE PASSWORD
set -euo pipefail
postgres=$1 redis=$2 flexmeasures=$3 password=$4
docker ps --all --quiet --filter name=flexmeasures-server | grep -q . && exit 0

docker network create --subnet 172.29.0.0/16 traefik-public
docker network create --subnet 192.168.240.0/24 --gateway 192.168.240.1 openadr-internal
docker run -d --name flexmeasures-db --network traefik-public --restart always -v old-pg:/var/lib/postgresql/data \
  -e POSTGRES_USER=flexmeasures -e "POSTGRES_PASSWORD=$password" -e POSTGRES_DB=flexmeasures "$postgres"
docker run -d --name flexmeasures-redis --network traefik-public --network-alias redis --restart always -v old-redis:/data \
  "$redis" redis-server --protected-mode no --save 60 1

mkdir -p /srv/flexmeasures/old-config
printf 'FLEXMEASURES_REDIS_URL = "redis"\nSECURITY_TWO_FACTOR = False\n' >/srv/flexmeasures/old-config/.flexmeasures.cfg
for role in server worker; do
  words=()
  [ $role = server ] || words=(flexmeasures jobs run-worker --queue "scheduling|forecasting")
  docker create --name flexmeasures-$role --network traefik-public --restart unless-stopped -v /srv/flexmeasures/old-config:/etc/old:ro \
    -w /tmp -e HOME=/etc/old -e FLEXMEASURES_ENV=production -e "SECRET_KEY=$password" -e 'SECURITY_TOTP_SECRETS={"1": "anything-will-do-here"}' \
    -e "SQLALCHEMY_DATABASE_URI=postgresql://flexmeasures:$password@flexmeasures-db:5432/flexmeasures" "$flexmeasures" "${words[@]}"
done
# Nothing to move comes from these two: what runs in them does not matter.
docker run -d --name openadr-vtn --network openadr-internal --ip 192.168.240.10 --restart always "$redis" redis-server --port 8080
docker run -d --name openadr-ven --network openadr-internal --ip 192.168.240.11 --restart always "$redis" redis-server

until docker exec flexmeasures-db pg_isready -q -h flexmeasures-db; do sleep 1; done
docker exec flexmeasures-db psql -X -q -U flexmeasures -d flexmeasures -c 'CREATE EXTENSION IF NOT EXISTS cube; CREATE EXTENSION IF NOT EXISTS earthdistance'
docker start flexmeasures-server
docker exec flexmeasures-server flexmeasures db upgrade
docker exec -i -e "OLD_PASSWORD=$password" flexmeasures-server python3 - </tmp/old_data.py
docker start flexmeasures-worker
docker exec flexmeasures-redis redis-cli set kept-by-adoption yes
# A right for a role that exists in this cluster only, as hand-made Grafana accounts are.
docker exec flexmeasures-db psql -X -q -U flexmeasures -d flexmeasures -c 'CREATE ROLE grafana_reader; GRANT SELECT ON sensor TO grafana_reader'
