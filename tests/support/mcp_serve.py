"""A server of ours over HTTP: `python mcp_serve.py PORT [TOKEN]`."""

import sys

from mcp_shop import both

from forethought.tools.mcp import serve_http

serve_http(both, port=int(sys.argv[1]), token="".join(sys.argv[2:]))
