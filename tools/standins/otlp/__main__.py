"""`python -m tools.standins.otlp --port N`."""

import uvicorn

from tools.standins.otlp.server import app
from tools.standins.serving import command_line

options = command_line("otlp").parse_args()
uvicorn.run(app(), host=options.host, port=options.port, log_level="warning")
