"""`python -m tools.standins.firestore --port N`."""

from functools import partial

from tools.standins.firestore import serve
from tools.standins.serving import command_line, faults_of, run

options = command_line("firestore", keeps=True).parse_args()
run("firestore", partial(serve, data=options.data, faults=faults_of("firestore", options)), options)
