#!/bin/sh
# Writes tests/contract/grafana/VERSION.json anew from what Grafana publishes; needs npm and node.
#
# Grafana has its dashboards and panels as types of TypeScript, in the npm package @grafana/schema of
# each version (Apache-2.0). They become JSON Schema here, without their descriptions.
set -eu
cd "$(dirname "$0")/.."
out=$PWD/tests/contract/grafana
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --ignore-scripts ts-json-schema-generator@2.4.0

# schema NAME FOLDER TYPE: one type, if this version has it.
schema() {
    file=$(find "$package/dist" -path "*/raw/$2/x/*types.gen.d.ts" | sort | head -n 1)
    [ -n "$file" ] && grep -q " $3\b" "$file" || return 0
    node_modules/.bin/ts-json-schema-generator --path "$file" --type "$3" --tsconfig tsconfig.json \
        --no-type-check --jsDoc none --out "schemas/$1.json"
}

# The last of the oldest line whose dashboards are read, and the newest.
for version in 10.4.19 13.2.3; do
    npm install --silent --no-audit --no-fund --ignore-scripts "@grafana/schema@$version"
    package=node_modules/@grafana/schema
    grep -q '"license": "Apache-2.0"' "$package/package.json"
    cat >tsconfig.json <<'END'
{"compilerOptions": {"moduleResolution": "node", "skipLibCheck": true, "strict": true, "types": []}}
END
    rm -rf schemas
    mkdir schemas
    schema dashboard dashboard Dashboard
    schema query composable/prometheus/dataquery PrometheusDataQuery
    # The types of panels that adbray's dashboards and Ray's have.
    for panel in timeseries stat gauge piechart; do
        schema "$panel.options" "composable/$panel/panelcfg" Options
        schema "$panel.custom" "composable/$panel/panelcfg" FieldConfig
    done
    node - "$version" >"$out/$version.json" <<'END'
const fs = require("fs");
const from = `npm @grafana/schema ${process.argv[2]}, made by scripts/grafana_schemas.sh`;
const found = {$comment: `Copyright Grafana Labs, Apache-2.0. From ${from}.`, schemas: {}};
for (const file of fs.readdirSync("schemas").sort())
  found.schemas[file.replace(/\.json$/, "")] = JSON.parse(fs.readFileSync(`schemas/${file}`));
console.log(JSON.stringify(found, null, 1));
END
done
