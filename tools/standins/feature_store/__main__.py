"""`python -m tools.standins.feature_store --port N`."""

from functools import partial

from tools.standins.feature_store import serve
from tools.standins.serving import command_line, faults_of, run

options = command_line("feature_store", keeps=True).parse_args()
run("feature_store", partial(serve, data=options.data, faults=faults_of("feature-store", options)), options)
