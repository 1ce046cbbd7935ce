#!/usr/bin/env python3
"""An issuer of web identity tokens on loopback, as far as a token service looks at one: discovery and keys over HTTP.

issuer.py serve PORT DIRECTORY             answers until it is killed; makes its key in DIRECTORY
issuer.py token PORT DIRECTORY AUDIENCE LIFETIME   prints a token (RS256) that is good for so many seconds
"""
import base64
import http.server
import json
import pathlib
import subprocess
import sys
import time

KEY_ID = "test"


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*words, data=b""):
    return subprocess.run(["openssl", *words], input=data, capture_output=True, check=True).stdout


def keys(key):
    modulus = openssl("rsa", "-in", key, "-noout", "-modulus").decode().strip().split("=")[1]
    public = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": encoded(bytes.fromhex(modulus)), "e": "AQAB"}
    return {"keys": [public]}


def serve(port, key):
    if not key.exists():
        openssl("genrsa", "-out", key, "2048")
    issuer = f"http://127.0.0.1:{port}"
    pages = {
        "/.well-known/openid-configuration": {
            "issuer": issuer, "jwks_uri": issuer + "/keys", "authorization_endpoint": issuer + "/none",
            "token_endpoint": issuer + "/none", "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"]},
        "/keys": keys(key),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            page = pages.get(self.path)
            self.send_response(200 if page else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(page).encode())

        def log_message(self, *args):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


def token(port, key, audience, lifetime):
    now = int(time.time())
    claims = {"iss": f"http://127.0.0.1:{port}", "sub": "system:serviceaccount:db:backups", "aud": [audience],
              "iat": now, "nbf": now, "exp": now + int(lifetime)}
    head = {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    return signed + "." + encoded(openssl("dgst", "-sha256", "-sign", key, data=signed.encode()))


def main():
    command, port, directory, *rest = sys.argv[1:]
    key = pathlib.Path(directory) / "issuer.key"
    if command == "serve":
        serve(port, key)
    else:
        print(token(port, key, *rest))


if __name__ == "__main__":
    main()
