export async function runMicro(options: {
  engines: string | undefined;
  stages: string | undefined;
}): Promise<number> {
  console.log(options);
  return 0;
}
