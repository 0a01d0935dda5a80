"""The peer in Python: Flask, PyJWT, and the sqlite3 of the standard library or psycopg2, for gunicorn.

It reads and updates items of a database of cubby, for tokens that cubby made, with cubby's check of the
user: the account is there, its sessions were not ended, and neither was this token. Each thread has a
connection of its own; those of SQLite keep statements prepared.

PEER_DATABASE names the file, or a PostgreSQL by an address that begins with postgresql:; PEER_KEYS names the
file of keys.
"""

import base64
import json
import os
import sqlite3
import threading
import time
from contextlib import contextmanager

import jwt
from flask import Flask, request

DATABASE = os.environ["PEER_DATABASE"]
ON_SERVER = DATABASE.startswith("postgresql:")
if ON_SERVER:
    import psycopg2

# SQLite has one lock for all writers; PostgreSQL locks the row of the user.
BEGIN, LOCKED = ("BEGIN", " FOR NO KEY UPDATE") if ON_SERVER else ("BEGIN IMMEDIATE", "")
LIVE = "users.id = ? AND users.epoch = ? AND users.revoked NOT LIKE ?"
COUNTERS = f"SELECT version, bytes FROM users WHERE {LIVE}"
READ = (
    "SELECT version, created_at, updated_at, expires_at, value FROM items"
    f" WHERE user_id = (SELECT id FROM users WHERE {LIVE}) AND key = ?"
)
FIND = "SELECT created_at, expires_at, size FROM items WHERE user_id = ? AND key = ?"
CHANGE = (
    "UPDATE items SET version = ?, size = ?, updated_at = ?, expires_at = NULL, value = ?"
    " WHERE user_id = ? AND key = ?"
)
COUNT = "UPDATE users SET version = ?, bytes = ? WHERE id = ?"
VALUE_MAXIMUM = 262144
CLAIMS = ["exp", "iat", "jti", "sub", "user_id", "epoch"]

app = Flask(__name__)
app.json.sort_keys = False
app.json.compact = True
app.config["MAX_CONTENT_LENGTH"] = 1 << 20
local = threading.local()


def read_keys(path):
    with open(path, encoding="utf-8") as file:
        keys = json.load(file)["keys"]
    return {key["kid"]: base64.urlsafe_b64decode(key["k"] + "==") for key in keys}


KEYS = read_keys(os.environ["PEER_KEYS"])


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status = status
        self.code = code


@app.errorhandler(Refused)
def refused(error):
    return {"status": "error", "code": error.code}, error.status


def connect():
    if ON_SERVER:
        connection = psycopg2.connect(DATABASE)
        connection.autocommit = True
        return connection
    connection = sqlite3.connect(DATABASE, timeout=5, isolation_level=None)
    connection.execute("PRAGMA synchronous = EXTRA")
    return connection


def execute(sql, values=()):
    """Runs SQL, whose parameters are written ?."""
    if not hasattr(local, "connection"):
        local.connection = connect()
    if not ON_SERVER:
        return local.connection.execute(sql, values)
    cursor = local.connection.cursor()
    cursor.execute(sql.replace("?", "%s"), values)
    return cursor


@contextmanager
def transaction():
    """Commits in the end, or rolls back what failed."""
    execute(BEGIN)
    try:
        yield
    except BaseException:
        execute("ROLLBACK")
        raise
    execute("COMMIT")


def user_of_token():
    """What LIVE asks of the user that the token names."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        key = KEYS[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, algorithms=["HS256"], options={"require": CLAIMS})
    except (jwt.InvalidTokenError, KeyError) as error:
        raise Refused(401, "INVALID_TOKEN") from error
    return claims["user_id"], claims["epoch"], f"%;{claims['jti']}=%"


def moment(milliseconds):
    whole, part = divmod(milliseconds, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{part:03d}Z"


def answer(key, value, version, created, updated, cache):
    response = app.json.response(
        {
            "status": "success",
            "data": {
                "key": key,
                "value": value,
                "version": version,
                "created_at": moment(created),
                "updated_at": moment(updated),
            },
        }
    )
    response.headers["ETag"] = f'"{version}"'
    response.headers["Cache-Control"] = cache
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def is_there(expires, now):
    return expires is None or expires > now


@app.get("/api/data/<path:key>")
def read(key):
    user = user_of_token()
    row = execute(READ, (*user, key)).fetchone()
    if row is None and execute(COUNTERS, user).fetchone() is None:
        raise Refused(401, "INVALID_TOKEN")
    if row is None or not is_there(row[3], int(time.time() * 1000)):
        raise Refused(404, "KEY_NOT_FOUND")
    version, created, updated, _, value = row
    return answer(key, json.loads(value), version, created, updated, "private, no-cache")


def change(user, key, value, now):
    """In a transaction: the version and the creation of the item that now has VALUE."""
    counters = execute(COUNTERS + LOCKED, user).fetchone()
    if counters is None:
        raise Refused(401, "INVALID_TOKEN")
    found = execute(FIND, (user[0], key)).fetchone()
    if found is None or not is_there(found[1], now):
        raise Refused(404, "KEY_NOT_FOUND")
    version, size = counters[0] + 1, len(value.encode())
    execute(CHANGE, (version, size, now, value, user[0], key))
    execute(COUNT, (version, counters[1] + size - found[2], user[0]))
    return version, found[0]


@app.put("/api/data/<path:key>")
def update(key):
    user = user_of_token()
    body = request.get_json(force=True)
    value = body.get("value") if isinstance(body, dict) else None
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if value is None or len(text) > VALUE_MAXIMUM:
        raise Refused(400, "INVALID_VALUE")
    now = int(time.time() * 1000)
    with transaction():
        version, created = change(user, key, text, now)
    return answer(key, value, version, created, now, "no-store")
