# What a site missed of a meeting.

missed-seconds = { $seconds } s
missed-minutes = { $number } min
missed-fetched-now = you missed { $length }; it is recorded and is being fetched while nobody speaks
missed-fetch-it = you missed { $length }; it is recorded: `giaoban missed` fetches it
missed-not-fetched = what you missed is not fetched: { $why }
missed-is-here = what you missed ({ $length }) is here, for any player or `giaoban missed --play`: { $path }
missed-code-not-allowed = this site may not hear this recording; ask the district
missed-code-not-there = there is no such recording, or not that part of it; --list shows what there is
missed-code-busy = too many fetch at once; try again in some minutes
missed-code-failed = the bridge cannot read it; tell whoever runs it
missed-code-goes-on = its meeting goes on; join it, or come back when it is over
missed-code-newer = the bridge gives a reason that this program does not know; update it
missed-goes-on = , goes on
missed-listed = { $recording }: { $began }, { $length }{ $goes_on }; missed { $missed }, here { $here }
missed-nothing-listed = nothing is recorded there that this site may hear
missed-progress = fetched { $has } of { $all }
missed-saved = this file is whole; any player takes it
missed-interrupted = what has come is kept; the same command goes on with it
missed-not-had = not fetched: { $why }
missed-refused = refused: { $why }
missed-no-answer = no answer: { $why }
