"""A web application and its client."""

import threading

import flask
import requests
from werkzeug.serving import make_server

app = flask.Flask(__name__)


@app.route("/")
def page() -> str:
    """Render a template."""
    return flask.render_template_string("hello {{ 1 + 1 }}")


server = make_server("127.0.0.1", 0, app, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(requests.get(f"http://localhost:{server.port}/", timeout=30).text)
try:
    requests.get("http://host.invalid/", timeout=30)
except RuntimeError as error:
    print("denied", error)
