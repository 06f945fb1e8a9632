import { BenchError } from "./bench-error.js";
import { runCommand } from "./commands/run-command.js";

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => process.exit(130));
}
try {
  process.exitCode = await runCommand(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof BenchError)) throw error;
  console.error(error.message);
  process.exitCode = error.code === "USAGE" ? 2 : 1;
}
