"""`python -m tools.standins.pubsub --port N`."""

from functools import partial

from tools.standins.pubsub import PUSH_CONCURRENCY, serve
from tools.standins.serving import command_line, faults_of, run

parser = command_line("pubsub", keeps=True)
parser.add_argument(
    "--push-concurrency",
    type=int,
    default=PUSH_CONCURRENCY,
    help="pushes under way at once per subscription (default: %(default)s)",
)
options = parser.parse_args()
serving = partial(
    serve,
    push_concurrency=options.push_concurrency,
    data=options.data,
    faults=faults_of("pubsub", options),
)
run("pubsub", serving, options)
