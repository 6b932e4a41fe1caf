// Exit status 0 while the service is ready. For container engines with HEALTHCHECK; Kubernetes requests /livez and /readyz itself.
try {
  const answer = await fetch(`http://127.0.0.1:${process.env.CLIPN_PORT || 8080}/readyz`, {
    signal: AbortSignal.timeout(3000),
  });
  if (!answer.ok) console.error(await answer.text());
  process.exitCode = answer.ok ? 0 : 1;
} catch (error) {
  console.error(String(error.cause ?? error));
  process.exitCode = 1;
}
