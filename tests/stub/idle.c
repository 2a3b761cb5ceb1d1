/* A libgtcnn whose units do nothing, for the cost of a hook alone: preloaded behind the plugin, which hooks its one function.
 */
void gtcnn_unit_execute(const void *unit, void *context);

void gtcnn_unit_execute(const void *unit, void *context)
{
    (void)unit, (void)context;
}
