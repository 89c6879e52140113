"""`python -m tools.standins.pubsub --port N`."""

from functools import partial

from tools.standins.pubsub import serve
from tools.standins.serving import command_line, faults_of, run

options = command_line("pubsub", keeps=True).parse_args()
run("pubsub", partial(serve, data=options.data, faults=faults_of("pubsub", options)), options)
