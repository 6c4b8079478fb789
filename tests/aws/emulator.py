"""ministack, but for one thing: it lets in whoever an authorizer names a usage-plan key for. It knows only keys that are sent in
a header, and would refuse every caller."""

from ministack.app import main
from ministack.services import apigateway_v1

apigateway_v1._check_api_key = lambda *_: (None, None)
main()
