"""`python -m tools.standins.feature_store --port N`."""

from tools.standins.feature_store import serve
from tools.standins.serving import command_line, run

run("feature_store", serve, command_line("feature_store").parse_args())
