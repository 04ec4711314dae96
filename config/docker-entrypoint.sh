#!/bin/bash
# serve    start Odoo (default)
# install  make the database, or bring it to the add-ons of this image, and stop
# other    any command of the image, with the database's address set
set -euo pipefail

PGPASSWORD="$(cat /run/secrets/db_password)"
export PGPASSWORD
conf=/opt/releve/config/odoo.docker.conf
addons="$(sed -E '/^(#|$)/d' /opt/releve/config/addons.txt | paste -sd,)"

run_odoo() {
    odoo -c "$conf" --no-http --stop-after-init "$@"
}

installed() {
    psql -d releve -XAtqc "select 1 from ir_module_module
        where name = '${addons%%,*}' and state = 'installed'" 2>/dev/null | grep -q 1
}

case "${1:-serve}" in
    serve)
        exec odoo -c "$conf"
        ;;
    install)
        if installed; then
            run_odoo -u "$addons"
        else
            run_odoo -i base
            # the chart of accounts follows the company's country: French first
            python3 /opt/releve/tools/inside.py "$conf" releve \
                /opt/releve/tools/french_company.py
            run_odoo -i "$addons"
        fi
        ;;
    *)
        exec "$@"
        ;;
esac
