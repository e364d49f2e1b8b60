#!/bin/sh
# Runs inside the image, for image.sh: image-inside.sh ENTRYPOINT HEALTHCHECK (commands of a shell).
# Starts the server, waits until the health check passes, stops it; fails unless all went well.
echo "user: $(id -un)"
if ldd /usr/local/bin/* | grep 'not found'; then
  echo "libraries are missing: add them to the group 'runtime' of tools/packages.txt"
  exit 1
fi

eval "$1 &"
server=$!
healthy=no
attempt=0
while [ $healthy = no ] && [ $attempt -lt 30 ] && kill -0 $server; do
  attempt=$((attempt + 1))
  if eval "$2"; then
    healthy=yes
  else
    sleep 1
  fi
done
kill -TERM $server
wait $server
code=$?
ls -ld /data /data/*
echo "healthy: $healthy, at attempt $attempt; exit code after SIGTERM: $code"
[ $healthy = yes ] && [ $code -eq 0 ]
