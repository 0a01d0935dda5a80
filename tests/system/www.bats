#!/usr/bin/env bats
# What lies in www/: the page's policy and its scripts, the OpenAPI description and the Postman collection, as files.

www() { printf '%s' "$BATS_TEST_DIRNAME/../../www"; }
root() { printf '%s' "$BATS_TEST_DIRNAME/../.."; }

# Every code that is in the table of errors.
codes() { sed -nE 's/.*\{ *[0-9]{3}, "([A-Z_]+)".*/\1/p' "$(root)/common/http/error_table.c" | sort -u; }

# The routes of the programs as `METHOD /program/path`, {} for what is in the address.
routes() {
    local file name
    for file in "$(root)"/cgi-bin/*.c; do
        name=$(basename "$file" .c)
        sed -nE 's|^ *\{HTTP_([A-Z]+), "([^"]*)",.*|\1 /'"$name"'\2|p' "$file"
    done | sort -u
}

@test "www: the page's policy allows its own script and style files, and no other source" {
    # shellcheck disable=SC2016 # a program of JavaScript
    run node -e '
        const fs = require("fs");
        const page = fs.readFileSync(process.argv[1] + "/index.html", "utf8");
        const policy = page.match(/http-equiv="Content-Security-Policy" content="([^"]*)"/)[1];
        const wanted = "default-src \x27none\x27; script-src \x27self\x27; style-src \x27self\x27; img-src data:; connect-src \x27self\x27; " +
            "base-uri \x27none\x27; form-action \x27none\x27; require-trusted-types-for \x27script\x27; trusted-types \x27none\x27";
        if (policy !== wanted) throw new Error(`the policy must be: ${wanted}`);
        const inline = page.match(/<script(?![^>]* src=)[^>]*>|<script[^>]*>[^<]|<style|\son[a-z]+="|\sstyle="/g);
        if (inline) throw new Error(`inline: ${inline}`);
        const files = [...page.matchAll(/\s(?:src|href|action)="(?!data:|#)([^"]*)"/g)].map((found) => found[1]);
        if (files.length < 3) throw new Error("found too few");
        for (const file of files) {
            if (file === "docs/index.html") continue; // rendered from www/docs
            if (!/^[a-z_.]+$/.test(file) || !fs.existsSync(process.argv[1] + "/" + file)) throw new Error(`not beside the page: ${file}`);
        }
        const style = fs.readFileSync(process.argv[1] + "/console.css", "utf8");
        if (/@import|url\(/.test(style)) throw new Error("the style fetches");
        ' "$(www)"
    echo "$output"
    [ "$status" = 0 ]
}

@test "www: the page's scripts make no markup of text, no code of text, and no number of a value" {
    run grep -nE 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|localStorage|document\.cookie|JSON\.parse\((text|found)\)\.' \
        "$(www)/console.js" "$(www)/json_text.js"
    echo "$output"
    [ "$status" = 1 ]
}

@test "www: every element of the page that its script asks for by id is there, once" {
    # shellcheck disable=SC2016 # a program of JavaScript
    run node -e '
        const fs = require("fs");
        const page = fs.readFileSync(process.argv[1] + "/index.html", "utf8");
        const script = fs.readFileSync(process.argv[1] + "/console.js", "utf8");
        const asked = new Set([...script.matchAll(/(?:\$|\bclick|\bsubmit|\bprogress|\bchoice)\(\x27([a-z-]+)\x27/g)].map((found) => found[1]));
        if (asked.size < 50) throw new Error(`found too few: ${asked.size}`);
        const ids = [...page.matchAll(/\bid="([^"]*)"/g)].map((found) => found[1]);
        for (const id of asked) {
            if (id !== "view-" && !ids.includes(id)) throw new Error(`no ${id}`);
        }
        if (new Set(ids).size !== ids.length) throw new Error("an id is there twice");
        for (const [, list] of page.matchAll(/\saria-(?:labelledby|describedby)="([^"]*)"/g)) {
            for (const id of list.split(" ")) if (!ids.includes(id)) throw new Error(`no ${id}`);
        }
        ' "$(www)"
    echo "$output"
    [ "$status" = 0 ]
}

@test "www: the OpenAPI description has the routes of the programs, and no other" {
    routes >"$BATS_TEST_TMPDIR/code"
    jq -r '.paths | to_entries[] | .key as $path | .value | keys[] |
        select(. != "parameters") | ascii_upcase + " " + ($path | gsub("\\{[a-z_]+\\}"; "{}"))' \
        "$(www)/openapi.json" | sort -u >"$BATS_TEST_TMPDIR/described"
    [ -s "$BATS_TEST_TMPDIR/code" ]
    diff "$BATS_TEST_TMPDIR/code" "$BATS_TEST_TMPDIR/described"
}

@test "www: the OpenAPI description names every code of an error, and no other" {
    jq -r '[.. | objects | .code? | objects | .enum? // empty | .[]] | .[], "METHOD_NOT_ALLOWED", "NOT_FOUND"' \
        "$(www)/openapi.json" | sort -u >"$BATS_TEST_TMPDIR/described"
    codes >"$BATS_TEST_TMPDIR/code"
    [ -s "$BATS_TEST_TMPDIR/code" ]
    diff "$BATS_TEST_TMPDIR/code" "$BATS_TEST_TMPDIR/described"
}

@test "www: every reference inside of the OpenAPI description leads somewhere" {
    run jq -e '. as $all | [.. | objects | .["$ref"]? // empty | . as $ref |
        ltrimstr("#/") | split("/") | select(. as $path | $all | getpath($path) == null) | $ref] == []' "$(www)/openapi.json"
    echo "$output"
    [ "$status" = 0 ]
}

@test "www: the Postman collection starts with the six calls, and asks for every route" {
    same() { [ "$1" = "$2" ] || { printf 'is:     %s\nwanted: %s\n' "$1" "$2"; return 1; }; }
    same "$(jq -r '.item[0].item[].name' "$(www)/cubby.postman_collection.json" | tr '\n' ,)" \
        'Register,Get a token,Store,Read,Update,Delete,'
    mapfile -t with_items < <(routes | sed -n 's|.* /\([a-z]*\)/{}$|\1|p' | sort -u)
    jq -r '[.. | objects | .request? | objects | .method + " /" + .url.path[0] +
        (if (.url.path | length) > 1 then
            (if (.url.path[0] | IN($ARGS.positional[])) then "/{}" else "/" + .url.path[1] end) else "" end) +
        (if .url.path[0] == "data" and ((.url.query // []) | map(.key) | index("key")) then "/{}" else "" end)] | unique[]' \
        "$(www)/cubby.postman_collection.json" --args "${with_items[@]}" |
        sort -u >"$BATS_TEST_TMPDIR/asked"
    routes >"$BATS_TEST_TMPDIR/code"
    run comm -23 "$BATS_TEST_TMPDIR/code" "$BATS_TEST_TMPDIR/asked"
    same "$output" ''
}

@test "www: what health lists as endpoints are the routes of the programs, and no other" {
    routes >"$BATS_TEST_TMPDIR/code"
    REQUEST_METHOD=GET PATH_INFO='' "$(root)/build/cgi-bin/health" | tail -n 1 |
        jq -r '.data.endpoints[] | gsub("\\{[a-z_]+\\}"; "{}")' | sort -u >"$BATS_TEST_TMPDIR/told"
    [ -s "$BATS_TEST_TMPDIR/told" ]
    diff "$BATS_TEST_TMPDIR/code" "$BATS_TEST_TMPDIR/told"
}

@test "www: the OpenAPI description is without fault and warning by spectral, and by redocly" {
    npm=$(root)/build/npm/node_modules
    printf 'extends: ["spectral:oas"]\n' >"$BATS_TEST_TMPDIR/rules.yaml"
    run "$npm/.bin/spectral" lint --fail-severity hint -r "$BATS_TEST_TMPDIR/rules.yaml" "$(www)/openapi.json"
    echo "$output"
    [ "$status" = 0 ]
    # shellcheck disable=SC2016 # a program of JavaScript
    run node -e '
        const { lint, createConfig } = require(process.argv[1] + "/@redocly/openapi-core");
        createConfig({ extends: ["recommended"] }).then((config) => lint({ ref: process.argv[2], config })).then((found) => {
            for (const { severity, ruleId, message, location } of found) console.log(severity, ruleId, message, location[0].pointer);
            process.exitCode = found.length === 0 ? 0 : 1;
        });' "$npm" "$(www)/openapi.json"
    echo "$output"
    [ "$status" = 0 ]
    # Both see what is wrong.
    jq 'del(.info.license) | del(.paths["/me"].get.operationId)' "$(www)/openapi.json" >"$BATS_TEST_TMPDIR/worse.json"
    run "$npm/.bin/spectral" lint --fail-severity hint -r "$BATS_TEST_TMPDIR/rules.yaml" "$BATS_TEST_TMPDIR/worse.json"
    [ "$status" = 1 ]
}

@test "www: the reference has every call, parameter, status, code and member of the description, and no other" {
    # Read by itself, not by the program that made it.
    # shellcheck disable=SC2016 # a program of JavaScript
    run node -e '
        const fs = require("fs");
        const all = JSON.parse(fs.readFileSync(process.argv[1] + "/openapi.json", "utf8"));
        const page = fs.readFileSync(process.argv[1] + "/docs/reference.md", "utf8");
        const at = (one) => one.$ref ? one.$ref.slice(2).split("/").reduce((on, name) => on[name], all) : one;
        const every = (one, key, into = []) => {
            if (one && typeof one === "object") for (const [name, inner] of Object.entries(one)) {
                if (name === key && inner && typeof inner === "object") into.push(inner);
                if (name !== "example") every(inner, key, into);
            }
            return into;
        };
        const equal = (where, is, wanted) => {
            [is, wanted] = [is, wanted].map((list) => [...new Set(list)].sort().join(" "));
            if (is !== wanted) throw new Error(`${where}\nthe page: ${is}\nthe description: ${wanted}`);
        };
        const section = (heading) => (page.split(`\n### ${heading}\n`)[1] || "").split(/\n##/)[0];
        const rows = (text, head) => text.split("\n\n").map((block) => block.trim()).filter((block) => block.startsWith(`| ${head} |`))
            .flatMap((block) => block.split("\n").slice(2).filter((row) => row.startsWith("|")).map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim())));
        const names = (text, head) => rows(text, head).map((row) => row[1].replace(/`/g, ""));
        const headings = [...page.matchAll(/^### ([A-Z]+ \/.*)$/gm)].map((found) => found[1]);
        const wanted = [];
        let codes = 0;
        for (const [path, item] of Object.entries(all.paths)) for (const method of ["get", "post", "put", "patch", "delete"]) {
            const call = item[method];
            if (!call) continue;
            const name = `${method.toUpperCase()} ${path}`;
            wanted.push(name);
            const text = section(name);
            equal(`${name}: parameters`, names(text, "parameter"), [...(item.parameters || []), ...(call.parameters || [])].map((one) => at(one).name));
            equal(`${name}: statuses`, names(text, "status"), Object.keys(call.responses));
            for (const row of rows(text, "status")) {
                const status = row[1].replace(/`/g, "");
                const described = at(call.responses[status]);
                const inner = JSON.parse(JSON.stringify(described), (key, value) => value && value.$ref && /BatchError|Conflict/.test(value.$ref) ? at(value).allOf[1] : value);
                const refused = /^[45]/.test(status);
                let list = refused ? every(inner, "code").flatMap((code) => code.enum || []) : [];
                if (/BatchError/.test(JSON.stringify(described))) list = ["BATCH_FAILED"]; // those of its operations are in details
                const said = refused ? [...row[2].matchAll(/`([A-Z_]{5,})`/g)].map((found) => found[1]) : [];
                codes += said.length;
                equal(`${name}: ${status}`, said, list);
            }
            const body = Object.keys((call.requestBody || {}).content || {});
            equal(`${name}: bodies`, [...text.matchAll(/^Body `([^`]+)`/gm)].map((found) => found[1]), body);
            const own = Object.values((call.requestBody || {}).content || {}).flatMap((one) => every(one.schema, "properties").flatMap(Object.keys));
            equal(`${name}: members`, names(text, "member").map((one) => one.split(/\.|\[\]/).pop()), own);
        }
        equal("calls", headings, wanted);
        for (const [name, schema] of Object.entries(all.components.schemas)) {
            equal(`${name}: members`, names(section(name), "member").map((one) => one.split(/\.|\[\]/).pop()), every(schema, "properties").flatMap(Object.keys));
        }
        const parts = [...page.matchAll(/^### (\w+)$/gm)].map((found) => found[1]);
        equal("parts", parts, Object.keys(all.components.schemas));
        if (wanted.length < 25 || codes < 150) throw new Error(`found too few: ${wanted.length} ${codes}`);
        ' "$(www)"
    echo "$output"
    [ "$status" = 0 ]
}

@test "www: description, collection and reference are linked and named, on the page and in the README" {
    for name in openapi.json cubby.postman_collection.json; do
        grep -q "href=\"$name\"" "$(www)/index.html"
        grep -qF "(www/$name)" "$(root)/README.md"
        grep -qF "(../$name)" "$(www)/docs/reference.md"
    done
    grep -qF '(www/docs/reference.md)' "$(root)/README.md"
    [ "$(jq -r .info.name "$(www)/cubby.postman_collection.json")" = "$(jq -r .info.title "$(www)/openapi.json")" ]
    [ "$(jq -r .info.version "$(www)/openapi.json")" = "$(sed -n 's/^VERSION := //p' "$(root)/Makefile")" ]
}
