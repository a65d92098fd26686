# Ends what a stack left behind, however its owner ended. $1: the stack's directory.
# The owner holds the other end of standard input; `read` returns when the owner is gone.
trap '' INT TERM HUP
read -r _
dir=$1
# Every process of a stack works inside the stack's directory, and so do its children: nothing needs to be
# registered, and a process that is being started at this moment is found by the next look.
quiet=0
while [ "$quiet" -lt 2 ]; do
    pids=$(find /proc -mindepth 2 -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname "$dir/*" 2>/dev/null | cut -d/ -f3)
    if [ -n "$pids" ]; then
        quiet=0
        # A stopped process is killed as well; a pid that is gone by now is no failure.
        kill -KILL $pids 2>/dev/null
    else
        quiet=$((quiet + 1))
    fi
    sleep 0.05
done
rm -rf "$dir"
