"""A WSGI service that answers with the headers it got, as WSGI names them (PEP 3333): python3 wsgi.py PORT"""

import json
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def service(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    headers = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    return [json.dumps(headers).encode()]


make_server("127.0.0.1", int(sys.argv[1]), service, handler_class=Quiet).serve_forever()
