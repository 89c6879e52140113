"""`python -m tools.standins.firestore --port N`."""

from tools.standins.firestore import serve
from tools.standins.serving import command_line, run

run("firestore", serve, command_line("firestore").parse_args())
