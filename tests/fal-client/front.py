"""An https front for a server that speaks http, as a load balancer would be.

fal's client insists on https. The front tells the server how it was reached, in X-Forwarded-Proto and Host; the
server writes the addresses in its answers accordingly.
"""

import http.client
import http.server
import ssl
import threading
from contextlib import contextmanager

import trustme

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@contextmanager
def https_front(server, ca_file):
    """Serves `server` ("host:port") under https; tells the front's own host and port. `ca_file` is written with the
    certificate to trust."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: text for name, text in self.headers.items() if name.lower() not in HOP_BY_HOP}
            headers["X-Forwarded-Proto"] = "https"
            connection = http.client.HTTPConnection(server, timeout=30)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, text in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = forward

        def log_message(self, *_arguments):
            """Says nothing: a failure is the client's to tell."""

    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    front = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    front.socket = context.wrap_socket(front.socket, server_side=True)
    threading.Thread(target=front.serve_forever, daemon=True).start()
    try:
        yield f"localhost:{front.server_port}"
    finally:
        front.shutdown()
