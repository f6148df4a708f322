"""Stories of the errors about the gateway."""

from __future__ import annotations

from tfdeploy.errors.entries import Entry, Exit

GATEWAY_ENTRIES: dict[str, Entry] = {
    "TFD240": Entry(
        Exit.USAGE,
        "The gateway can't work that way",
        "In a stack with a gateway no service may be called `gateway`, and `default_service` "
        "names one of the stack's services.",
    ),
    "TFD241": Entry(
        Exit.USAGE,
        "A file of the gateway can't be used",
        "Certificate and key are PEM; the file of API keys holds `CLIENT KEY` lines, the file of "
        "users `USER:HASH` lines as htpasswd writes them. They lie beside the stack file, and "
        "what they say is written nowhere but into the stack's .run/secrets, for its owner alone.",
    ),
    "TFD440": Entry(
        Exit.RUNTIME,
        "There is no nginx for the gateway",
        "On the process runtime the gateway is an nginx of this machine, 1.27.4 or newer: the one "
        "that TFDEPLOY_NGINX names, the one on PATH, or the one that the `gateway` extra brings. "
        "Older ones can't serve REST and gRPC on one port, and break connections on a reload.",
    ),
    "TFD441": Entry(
        Exit.DEPLOY,
        "The gateway doesn't take its config",
        "nginx refused the rendered nginx.conf, a certificate or a key, or didn't come up with "
        "it. A config that `nginx -t` refuses never reaches the nginx that runs.",
    ),
    "TFD442": Entry(
        Exit.DEPLOY,
        "The gateway doesn't reach the new server",
        "A new server was AVAILABLE, and nginx couldn't reach it, so nothing was switched: the "
        "old server answers on.",
    ),
    "TFD443": Entry(
        Exit.RUNTIME,
        "There is no memory for two servers",
        "A change behind the gateway starts the new server beside the old one, so that for a "
        "while both are in memory, on the GPU too. `strategy: recreate` of the service stops the "
        "old one first; then nobody answers until the new one has loaded.",
    ),
}
