#!/usr/bin/env bash
# OpenJDK 17 (Debian `openjdk-17-jdk-headless`, taken from the archive into a temporary folder): `HttpURLConnection` sends a POST again, byte for
# byte and on a new connection, when the kept-alive connection that it used ends before an answer has come, though a POST may not be repeated like
# a GET; `setFixedLengthStreamingMode` does stop it. The caller sees one answer and no exception. A payment API that keeps
# requests apart by a nonce refuses the second delivery of a payment that it has taken. `-Dsun.net.http.retryPost=false` (or the streaming mode) ends it.
# Seen: "caller saw one answer to the second POST, server got 2 delivery(s)" by default, and an exception with one delivery for both switches.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
cd "$work"
for package in openjdk-17-jre-headless openjdk-17-jdk-headless; do apt-get download -qq "$package" 2>/dev/null; done
for archive in *.deb; do dpkg -x "$archive" root; done
java=$(echo root/usr/lib/jvm/java-17-openjdk-*/bin/java)
# The configuration files lie outside of the tree that the package names as its home.
cp -rL root/etc/java-17-openjdk/. "$(dirname "$java")/../conf/" 2>/dev/null || true
"$java" -version 2>&1 | head -1
cat > server.py <<'PY'
# Answers the first POST and keeps the connection; reads the second POST and closes without an answer; answers whatever comes then.
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
got = []
def read(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return head.split(b"\r\n")[0] + b" " + body
def serve(connection):
    while (request := read(connection)) is not None:
        if b"/count" in request:
            answer = str(sum(b"second" in each for each in got)).encode()
        else:
            got.append(request)
            if b"second" in request and sum(b"second" in each for each in got) == 1:
                connection.close()
                return
            answer = b"ok"
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PY
cat > Post.java <<'JAVA'
import java.net.*;
import java.nio.charset.StandardCharsets;

public class Post {
    static String post(String path, String body, boolean streaming) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) new URL(path).openConnection();
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        if (streaming) connection.setFixedLengthStreamingMode(bytes.length);
        connection.getOutputStream().write(bytes);
        return new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
    public static void main(String[] given) throws Exception {
        String host = "http://127.0.0.1:" + given[0];
        boolean streaming = given.length > 1;
        post(host + "/pay", "first", streaming);
        String saw;
        try { post(host + "/pay", "second", streaming); saw = "one answer"; } catch (java.io.IOException e) { saw = "an exception"; }
        System.out.println("caller saw " + saw + " to the second POST, server got " + post(host + "/count", "how many", false) + " delivery(s)");
    }
}
JAVA
ask() {
  python3 server.py > port & server=$!
  until [ -s port ]; do :; done
  "$java" "${@:1:$#-1}" Post.java "$(cat port)" ${!#}
  kill "$server"; wait "$server" 2>/dev/null || true; rm port
}
{ echo "default: $(ask -Dx=y '')"; echo "retryPost=false: $(ask -Dsun.net.http.retryPost=false '')"; echo "fixed-length streaming: $(ask -Dx=y streaming)"; } > seen
cat seen
expected='default: caller saw one answer to the second POST, server got 2 delivery(s)
retryPost=false: caller saw an exception to the second POST, server got 1 delivery(s)
fixed-length streaming: caller saw an exception to the second POST, server got 1 delivery(s)'
[ "$(cat seen)" = "$expected" ] || { echo "changed: expected"; echo "$expected"; exit 1; }
