// Runs inputs through layers, from memory images in a folder (+images=FOLDER), and reports what came out:
//
//   C<hex>                          with TRACE: the probes of one cycle, the LNZD's and then each PE's
//   E<cycles> <scan_last>           a layer is drained
//   O<hex>                          an activation row of outputs, after ReLU
//   cycles=... checksum=...         the sum of all cycles, and a hash of all outputs
//   PASS or FAIL                    with +cycles=N +checksum=HEX +queue_depth=N: whether they are those expected, of a
//                                   machine of that queue depth
//
// The shape of a run stands in FOLDER/session.txt; see eiesim/rtl/images.py. It begins with what the images are made
// for: hardware that reads them otherwise, or that does not hold them, FAILs before its first cycle.
module testbench #(
    parameter int PES = 4,
    parameter int QUEUE_DEPTH = 8,
    parameter int INDEX_BITS = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int ROW_ENTRIES = 8,
    parameter int VALUE_BITS = 16,
    parameter int ACTIVATIONS = 64,
    parameter int SPMAT_ROWS = 16384,
    parameter int POINTER_WORDS = 8192,
    parameter int POINTER_BITS = 16,
    parameter int COLUMN_BITS = 14
);
    localparam int ROW_BITS = ACTIVATIONS > 1 ? $clog2(ACTIVATIONS) : 1;
    localparam int SCAN_BITS = $clog2(ACTIVATIONS + 4);
`ifdef ADDER
    localparam int OPERATION = 1;
`else
    localparam int OPERATION = 0;
`endif

    logic clock, reset = 1, start = 0, swap = 0, step = 0, has_bias = 0, relu = 0, load = 0, codebook_write = 0;
    logic [SCAN_BITS-1:0] rows = 0, bias_row = 0;
    logic [VALUE_BITS-1:0] one = 0, codebook_value = 0;
    logic [6:0] shift_plus_16 = 0;
    logic [ROW_BITS-1:0] load_row = 0;
    logic [PES*VALUE_BITS-1:0] load_activations = 0;
    logic [WEIGHT_BITS-1:0] codebook_code = 0;
    logic [PES*VALUE_BITS-1:0] presented;
    logic scan_done, drained;
    logic [PES-1:0] write_done;

    eie #(
        .PES(PES), .QUEUE_DEPTH(QUEUE_DEPTH), .INDEX_BITS(INDEX_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ROW_ENTRIES(ROW_ENTRIES),
        .VALUE_BITS(VALUE_BITS), .ACTIVATIONS(ACTIVATIONS), .SPMAT_ROWS(SPMAT_ROWS), .POINTER_WORDS(POINTER_WORDS),
        .POINTER_BITS(POINTER_BITS), .COLUMN_BITS(COLUMN_BITS)
    ) dut (
        .clock, .reset, .start, .swap, .step, .rows, .has_bias, .bias_row, .one, .shift_plus_16, .relu,
        .load, .load_row, .load_activations, .codebook_write, .codebook_code, .codebook_value,
        .presented, .scan_done, .write_done, .drained
    );

    initial begin
        clock = 0;
        forever #4 clock = !clock;
    end

    // The images of a layer, one file a memory.
    string folder = ".";
    int layer = 0;
    logic load_images = 0;
    genvar p;
    generate
        for (p = 0; p < PES; p = p + 1) begin : images
            string path;
            always @(posedge load_images) begin
                $sformat(path, "%0s/layer%0d_pe%0d_spmat.hex", folder, layer, p);
                $readmemh(path, dut.pes[p].pe.spmat_sram.memory);
                $sformat(path, "%0s/layer%0d_pe%0d_even.hex", folder, layer, p);
                $readmemh(path, dut.pes[p].pe.even_bank.memory);
                $sformat(path, "%0s/layer%0d_pe%0d_odd.hex", folder, layer, p);
                $readmemh(path, dut.pes[p].pe.odd_bank.memory);
`ifdef ADDER
                // A layer writes bank 1, the next one bank 0, and so on.
                $sformat(path, "%0s/layer%0d_pe%0d_rest.hex", folder, layer, p);
                if (layer % 2 == 0) $readmemh(path, dut.pes[p].pe.rest_bank1.memory);
                else $readmemh(path, dut.pes[p].pe.rest_bank0.memory);
`endif
            end
        end
    endgenerate

`ifdef TRACE
`include "probes.svh"
`endif

    int session, scanned, inputs, layers, total, expected_cycles, expected_depth;
    int input_rows, output_rows, value, shift, codes, cycle, cycles, scan_last;
    logic scanning, wrote, fits = 1;
    logic [31:0] checksum, expected_checksum;
    logic [PES*VALUE_BITS-1:0] line;

    // The next number of session.txt: what a parameter must be, or, of a size, what it must be at least.
    task automatic needs(input string name, input int here, input logic size);
        scanned = $fscanf(session, "%d", value);
        if (size && here < value) $display("FAIL: the images need %0s=%0d or more, this hardware has %0d", name, value, here);
        if (!size && here != value) $display("FAIL: the images are laid out for %0s=%0d, this hardware has %0d", name, value, here);
        if (here < value || (!size && here != value)) fits = 0;
    endtask

    // Inputs change in the middle of a cycle; everything has settled an eighth of a cycle later.
    task automatic tick();
        @(negedge clock);
        #1;
    endtask

    initial begin
        if (!$value$plusargs("images=%s", folder)) folder = ".";
        session = $fopen({folder, "/session.txt"}, "r");
        if (session == 0) $fatal(1, "there is no session.txt in the folder of images");
        needs("PES", PES, 0);
        needs("INDEX_BITS", INDEX_BITS, 0);
        needs("WEIGHT_BITS", WEIGHT_BITS, 0);
        needs("ROW_ENTRIES", ROW_ENTRIES, 0);
        needs("VALUE_BITS", VALUE_BITS, 0);
        needs("OPERATION", OPERATION, 0);
        needs("ACTIVATIONS", ACTIVATIONS, 1);
        needs("SPMAT_ROWS", SPMAT_ROWS, 1);
        needs("POINTER_WORDS", POINTER_WORDS, 1);
        needs("POINTER_BITS", POINTER_BITS, 1);
        needs("COLUMN_BITS", COLUMN_BITS, OPERATION == 0);  // An adder unit's words are laid out for it.
        if (QUEUE_DEPTH < 1) $display("FAIL: QUEUE_DEPTH=%0d: a queue has at least one place", QUEUE_DEPTH);
        if (!fits || QUEUE_DEPTH < 1) $finish;
        total = 0;
        checksum = 32'h811c9dc5;
        scanned = $fscanf(session, "%d %d", inputs, layers);
        tick();
        for (int i = 0; i < inputs; i = i + 1) begin
            reset = 1;
            tick();
            reset = 0;
            scanned = $fscanf(session, "%d", input_rows);
            for (int r = 0; r < input_rows; r = r + 1) begin
                scanned = $fscanf(session, "%h", line);
                load = 1;
                load_row = ROW_BITS'(r);
                load_activations = line;
                tick();
            end
            load = 0;
            for (int l = 0; l < layers; l = l + 1) begin
                if (l > 0) begin
                    swap = 1;
                    tick();
                    swap = 0;
                end
                scanned = $fscanf(session, "%d", value);
                rows = SCAN_BITS'(value);
                scanned = $fscanf(session, "%d", value);
                has_bias = value != 0;
                bias_row = rows - 1'b1;
                scanned = $fscanf(session, "%h", one);
                scanned = $fscanf(session, "%d", shift);
                shift_plus_16 = 7'(shift + 16);
                scanned = $fscanf(session, "%d", value);
                relu = value != 0;
                scanned = $fscanf(session, "%d", codes);
                codebook_write = 1;
                for (int c = 0; c < codes; c = c + 1) begin
                    scanned = $fscanf(session, "%h", codebook_value);
                    codebook_code = WEIGHT_BITS'(c);
                    tick();
                end
                codebook_write = 0;
                layer = l;
                load_images = 1;
                #1 load_images = 0;
                start = 1;
                tick();
                start = 0;
                #1;
                cycle = 0;
                cycles = 0;
                scan_last = 0;
                while (!drained) begin
                    cycle = cycle + 1;
                    scanning = !scan_done;
                    wrote = write_done != 0;
`ifdef TRACE
                    trace();
`endif
                    tick();
                    if (scanning) scan_last = cycle;
                    if (scan_done && (scanning || wrote)) cycles = cycle;
                    if (cycle > 100000000) $fatal(1, "the machine is not drained after 100,000,000 cycles");
                end
`ifdef TRACE
                trace();
                $display("E%0d %0d", cycles, scan_last);
`endif
                total = total + cycles;
            end
            swap = 1;
            tick();
            swap = 0;
            has_bias = 0;
            scanned = $fscanf(session, "%d", output_rows);
            for (int r = 0; r < output_rows; r = r + 1) begin
                #1;
`ifdef TRACE
                $display("O%h", presented);
`endif
                // FNV-1a over the values, PE by PE.
                for (int q = 0; q < PES; q = q + 1)
                    checksum = (checksum ^ 32'(presented[q*VALUE_BITS +: VALUE_BITS])) * 32'h01000193;
                step = 1;
                tick();
                step = 0;
            end
        end
        if (scanned != 1) $fatal(1, "session.txt ends too early");
        $fclose(session);
        $display("cycles=%0d checksum=%h", total, checksum);
        if ($value$plusargs("cycles=%d", expected_cycles) && $value$plusargs("checksum=%h", expected_checksum)) begin
            if (!$value$plusargs("queue_depth=%d", expected_depth)) expected_depth = QUEUE_DEPTH;
            if (total == expected_cycles && checksum == expected_checksum) $display("PASS");
            else $display("FAIL: expected cycles=%0d checksum=%h", expected_cycles, expected_checksum);
            if (QUEUE_DEPTH != expected_depth)
                $display("The cycles expected are of QUEUE_DEPTH=%0d, the machine's of QUEUE_DEPTH=%0d.", expected_depth, QUEUE_DEPTH);
        end
        $finish;
    end
endmodule
