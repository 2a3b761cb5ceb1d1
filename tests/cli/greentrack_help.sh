# The overview, one verb's help, and that every verb has one.
greentrack help
greentrack cost --help
for verb in run eval ingest list show annotate report cost doctor calibrate export prune version help; do
    greentrack help $verb >/dev/null || echo "no help for $verb"
    greentrack $verb --help >/dev/null || echo "no --help for $verb"
done
ls
