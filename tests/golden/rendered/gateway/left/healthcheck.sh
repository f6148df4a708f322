# Rendered by tfdeploy from gateway/stack.yaml; edits here are lost at the next render.
# Healthy: every model of the service has a version that is AVAILABLE. The image has no curl;
# bash's /dev/tcp does. HTTP/1.0 makes the server close the connection, so grep ends.
set -eu
exec 3<>/dev/tcp/127.0.0.1/8501
printf 'GET /v1/models/resnet HTTP/1.0\r\n\r\n' >&3
grep -q '"AVAILABLE"' <&3
exec 3<>/dev/tcp/127.0.0.1/8501
printf 'GET /v1/models/digits.v2 HTTP/1.0\r\n\r\n' >&3
grep -q '"AVAILABLE"' <&3
