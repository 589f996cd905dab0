// SPDX-License-Identifier: GPL-2.0
/*
 * An I2C bus with witnesses: chips of plain memory behind a true adapter (I2C_RDWR, SMBus by emulation).
 *
 * A transfer to an absent address, or a read from a write-only chip, is not acknowledged: EREMOTEIO, as the controller of
 * a Raspberry Pi says. Every message is a line of debugfs bench_i2c/log; any write to that file empties it:
 *
 *	1a W 0f 00			address, direction, bytes
 *	18 R 2a
 *	1a R error 121			errno; what follows it in the same transfer is not sent
 *
 * With stamps=1 a line begins with the time in microseconds.
 *
 * Faults: write the errno to bench_i2c/fail_errno (121 at first), then to bench_i2c/fail_next how many messages shall fail.
 *
 *	modprobe bench_i2c bus=1 chips=0x1a,0x18,0x0a write_only=0x1a wide=0x0a mclk_hz=12288000
 *
 * A chip remembers what is written: the first byte (of a `wide` chip the first two) is where, the others are what. Registers
 * of two bytes that are two apart, as the SGTL5000 has them, are the same memory.
 * self_clearing=0x182b10 lets the bits 10 of register 2b of the chip at 18 read 0 whatever was written.
 * With mclk_hz every chip has a clock of that rate, as if a crystal sat beside it; the crystal may be exchanged between two
 * drivers, in /sys/module/bench_i2c/parameters/mclk_hz. VDDA and VDDIO are 3.3 V for any driver that
 * asks; of all other supplies it is only known that they are there.
 */
#include <linux/clk-provider.h>
#include <linux/clkdev.h>
#include <linux/debugfs.h>
#include <linux/i2c.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/regulator/fixed.h>
#include <linux/regulator/machine.h>
#include <linux/vmalloc.h>

#define MAX_CHIPS 8
#define LOG_SIZE (1 << 20)

static int bus = 1;
static ushort chips[MAX_CHIPS] = { 0x1a }, write_only[MAX_CHIPS], wide[MAX_CHIPS];
static uint self_clearing[MAX_CHIPS];
static int chip_count = 1, write_only_count, wide_count, self_clearing_count;
static ulong mclk_hz;
static bool stamps;
module_param(bus, int, 0444);
module_param_array(chips, ushort, &chip_count, 0444);
module_param_array(write_only, ushort, &write_only_count, 0444);
module_param_array(wide, ushort, &wide_count, 0444);
module_param_array(self_clearing, uint, &self_clearing_count, 0444);
module_param(mclk_hz, ulong, 0644);
module_param(stamps, bool, 0644);

static struct chip {
	u16 pointer;
	u8 memory[1 << 16];
} *memories;

static DEFINE_MUTEX(lock);	/* of the log and the faults; the bus has its own */
static char *log_text;
static size_t log_length;
static u32 fail_next, fail_errno = EREMOTEIO;
static struct dentry *folder;

static __printf(1, 2) void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_length += vscnprintf(log_text + log_length, LOG_SIZE - log_length, format, args);
	va_end(args);
}

static int find(const ushort *list, int count, u16 address)
{
	int i;

	for (i = 0; i < count; i++)
		if (list[i] == address)
			return i;
	return -1;
}

static u8 kept(u16 address, u16 at, u8 value)
{
	int i;

	for (i = 0; i < self_clearing_count; i++)
		if (self_clearing[i] >> 8 == (address << 8 | at))
			value &= ~self_clearing[i];
	return value;
}

static void chip_write(struct chip *chip, const struct i2c_msg *m, bool is_wide)
{
	int k, head = is_wide ? 2 : 1;

	if (m->len >= head)
		chip->pointer = is_wide ? m->buf[0] << 8 | m->buf[1] : m->buf[0];
	for (k = head; k < m->len; k++, chip->pointer++)
		chip->memory[chip->pointer] = kept(m->addr, chip->pointer, m->buf[k]);
}

static void chip_read(struct chip *chip, const struct i2c_msg *m)
{
	int k;

	for (k = 0; k < m->len; k++)
		m->buf[k] = chip->memory[chip->pointer++];
}

static int message(const struct i2c_msg *m)
{
	bool read = m->flags & I2C_M_RD;
	int k, error = 0, place = find(chips, chip_count, m->addr);

	if (log_length + 3 * m->len + 64 > LOG_SIZE)
		return -ENOSPC;		/* a log that lost lines would be believed */
	if (place < 0 || (read && find(write_only, write_only_count, m->addr) >= 0))
		error = EREMOTEIO;
	if (fail_next) {
		fail_next--;
		error = fail_errno;
	}
	if (stamps)
		note("%lld ", ktime_to_us(ktime_get()));
	note("%02x %c", m->addr, read ? 'R' : 'W');
	if (error) {
		note(" error %d\n", error);
		return -error;
	}
	if (read)
		chip_read(&memories[place], m);
	else
		chip_write(&memories[place], m, find(wide, wide_count, m->addr) >= 0);
	for (k = 0; k < m->len; k++)
		note(" %02x", m->buf[k]);
	note("\n");
	return 0;
}

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	int i, error = 0;

	mutex_lock(&lock);
	for (i = 0; i < count && !error; i++)
		error = message(&messages[i]);
	mutex_unlock(&lock);
	return error ?: count;
}

static u32 functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm algorithm = { .xfer = transfer, .functionality = functionality };
static struct i2c_adapter adapter = { .owner = THIS_MODULE, .name = "audiohat bench", .algo = &algorithm };

static ssize_t log_read(struct file *file, char __user *to, size_t count, loff_t *at)
{
	ssize_t done;

	mutex_lock(&lock);
	done = simple_read_from_buffer(to, count, at, log_text, log_length);
	mutex_unlock(&lock);
	return done;
}

static ssize_t log_empty(struct file *file, const char __user *from, size_t count, loff_t *at)
{
	mutex_lock(&lock);
	log_length = 0;
	mutex_unlock(&lock);
	return count;
}

static const struct file_operations log_file = {
	.owner = THIS_MODULE, .open = simple_open, .read = log_read, .write = log_empty,
};

/* What lies around a codec: a crystal and a rail. */

static unsigned long crystal_rate(struct clk_hw *hw, unsigned long parent)
{
	return mclk_hz;
}

static long crystal_round(struct clk_hw *hw, unsigned long asked, unsigned long *parent)
{
	return mclk_hz;
}

static int crystal_set(struct clk_hw *hw, unsigned long rate, unsigned long parent)
{
	return 0;
}

static const struct clk_ops crystal_ops = {
	.recalc_rate = crystal_rate, .round_rate = crystal_round, .set_rate = crystal_set,
};
static const struct clk_init_data crystal_init = {
	.name = "bench-mclk", .ops = &crystal_ops, .flags = CLK_GET_RATE_NOCACHE,
};
static struct clk_hw crystal;
static bool with_crystal;
static struct clk_lookup *lookups[MAX_CHIPS];

static int add_crystal(void)
{
	int i, error;

	if (!mclk_hz)
		return 0;
	crystal.init = &crystal_init;
	error = clk_hw_register(NULL, &crystal);
	if (error)
		return error;
	with_crystal = true;
	for (i = 0; i < chip_count; i++)
		lookups[i] = clkdev_hw_create(&crystal, NULL, "%d-%04x", bus, chips[i]);
	return 0;
}

static void remove_crystal(void)
{
	int i;

	if (!with_crystal)
		return;
	for (i = 0; i < chip_count; i++)
		clkdev_drop(lookups[i]);
	clk_hw_unregister(&crystal);
}

static struct regulator_consumer_supply consumers[] = { REGULATOR_SUPPLY("VDDA", NULL), REGULATOR_SUPPLY("VDDIO", NULL) };
static struct regulator_init_data rail = {
	.constraints = { .always_on = true },
	.consumer_supplies = consumers,
	.num_consumer_supplies = ARRAY_SIZE(consumers),
};
static struct fixed_voltage_config supply = {
	.supply_name = "bench-3v3", .microvolts = 3300000, .enabled_at_boot = true, .init_data = &rail,
};
static struct platform_device *rail_device;

static int add_rail(void)
{
	regulator_has_full_constraints();	/* no firmware describes this machine: unknown supplies may be taken for granted */
	rail_device = platform_device_register_data(NULL, "reg-fixed-voltage", PLATFORM_DEVID_AUTO, &supply, sizeof(supply));
	return PTR_ERR_OR_ZERO(rail_device);
}

static int __init bench_init(void)
{
	int error = -ENOMEM;

	log_text = vmalloc(LOG_SIZE);
	memories = vzalloc(MAX_CHIPS * sizeof(*memories));
	if (!log_text || !memories)
		goto no_memory;
	error = add_crystal();
	if (error)
		goto no_memory;
	error = add_rail();
	if (error)
		goto no_rail;
	adapter.nr = bus;
	error = i2c_add_numbered_adapter(&adapter);
	if (error)
		goto no_adapter;
	folder = debugfs_create_dir("bench_i2c", NULL);
	debugfs_create_file("log", 0600, folder, NULL, &log_file);
	debugfs_create_u32("fail_next", 0600, folder, &fail_next);
	debugfs_create_u32("fail_errno", 0600, folder, &fail_errno);
	return 0;

no_adapter:
	platform_device_unregister(rail_device);
no_rail:
	remove_crystal();
no_memory:
	vfree(memories);
	vfree(log_text);
	return error;
}

static void __exit bench_exit(void)
{
	debugfs_remove_recursive(folder);
	i2c_del_adapter(&adapter);
	platform_device_unregister(rail_device);
	remove_crystal();
	vfree(memories);
	vfree(log_text);
}

module_init(bench_init);
module_exit(bench_exit);
MODULE_DESCRIPTION("I2C bus with a transaction log and faults on demand");
MODULE_LICENSE("GPL");
