# What the guest's first process does. Before these lines the runner writes $run, $modules, $results and $python.
#
# The root is the host's, read-only, under a layer in memory: the job may write anywhere, and nothing of it reaches the host
# but what is in $results. The job's words go to tty1, the kernel's and this script's to tty0.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

power_off() {
    sync
    "$python" -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)'    # where there is no systemd there is no poweroff
}
trap power_off EXIT
set -e

mount -t tmpfs none /run
cd /run
mkdir upper work root host
mount -t overlay none root -o lowerdir=/,upperdir=upper,workdir=work
cd root
mkdir -p proc sys dev run lib/modules
mount -t proc none proc
mount -t sysfs none sys
mount -t configfs none sys/kernel/config
mount -t debugfs none sys/kernel/debug
mount -t devtmpfs none dev
mkdir -p dev/shm dev/pts
mount -t tmpfs none dev/shm
mount -t devpts none dev/pts
mount -t tmpfs none run
mkdir run/home run/tmp
mount -t hostfs none /run/host    # the host's root once more, writable; of it the job gets two folders
mount --bind "/run/host/$run" "./$run"
mount --bind "/run/host/$results" "./$results"
umount /run/host
mount --bind "$modules/lib/modules" lib/modules

# gpiozero asks a Raspberry Pi for its revision. This one is a 4B, whose header is gpiochip0.
{ cat proc/cpuinfo; printf 'Revision\t: c03115\n'; } >run/cpuinfo
mount --bind run/cpuinfo proc/cpuinfo

chroot . modprobe snd-aloop enable=1,1 index=0,1 id=Loopback,Second
chroot . modprobe bench_i2c write_only=0x1a
chroot . modprobe gpio-sim

stty -F dev/tty1 -opost
{
    status=0
    chroot . sh "$run/job" || status=$?
    echo $status >"./$run/exit-code"
} </dev/null 2>&1 | cat >dev/tty1
