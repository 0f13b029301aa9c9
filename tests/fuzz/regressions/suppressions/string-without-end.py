# hermetic: ignore[shell-command] a
import waitress
from werkzeug.serving import run_simple

run_simple("127.0.0.rt=8p80)
waitress.serve(None)  # undecided: network-server-library
